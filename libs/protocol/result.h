#pragma once

#include <optional>
#include <string>
#include <utility>

namespace persona {

struct Error {
    std::string text;
};

/// A value, or why there is none.
template <typename T>
class Result {
  public:
    Result(T value) : value_(std::move(value)) {}           // NOLINT: conversion is the point
    Result(Error error) : error_(std::move(error.text)) {}  // NOLINT
    [[nodiscard]] bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] const T& operator*() const { return *value_; }
    [[nodiscard]] T& operator*() { return *value_; }
    [[nodiscard]] const T* operator->() const { return &*value_; }
    [[nodiscard]] T* operator->() { return &*value_; }
    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    std::optional<T> value_;
    std::string error_;
};

}  // namespace persona
