#pragma once

#include <optional>
#include <string>
#include <utility>

namespace persona {

struct Error {
    std::string text;
};

/// A value, or why there is none. `E` has at least `std::string text`; a library whose callers must
/// tell failures apart gives a type of its own.
template <typename T, typename E = Error>
class Result {
  public:
    Result(T value) : value_(std::move(value)) {}      // NOLINT: conversion is the point
    Result(E failure) : error_(std::move(failure)) {}  // NOLINT
    [[nodiscard]] bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] const T& operator*() const { return *value_; }
    [[nodiscard]] T& operator*() { return *value_; }
    [[nodiscard]] const T* operator->() const { return &*value_; }
    [[nodiscard]] T* operator->() { return &*value_; }
    [[nodiscard]] const std::string& error() const { return error_.text; }
    [[nodiscard]] const E& failure() const { return error_; }

  private:
    std::optional<T> value_;
    E error_;
};

}  // namespace persona
