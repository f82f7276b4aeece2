#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/protocol/json.h"
#include "libs/wsapi/endpoints.h"
#include "libs/wsapi/message.h"
#include "libs/wsapi/session.h"

namespace persona::wsapi {

/// A request on its way through the checks and its handler. Used by one thread at a time.
struct Call {
    const Endpoint* endpoint = nullptr;
    Request request;
    protocol::Json parameters;
    Session session;
    std::int64_t now_ms = 0;
    std::vector<std::string> cookies;           ///< more values of Set-Cookie
    std::vector<std::function<void()>> after;   ///< run when the answer has gone
    Outcomes outcomes;                          ///< for the router alone
    std::vector<std::string> proven_addresses;  ///< that this call proved to be this browser's
    /// What the session looked like when it came; the cookie is written when they differ.
    Session received;
    bool replace_cookie = false;

    /// Text of an argument that was checked; empty: not given.
    [[nodiscard]] std::string text(std::string_view name) const {
        const auto* v = parameters.findText(name);
        return v == nullptr ? std::string() : *v;
    }
    [[nodiscard]] std::optional<std::string> given(std::string_view name) const {
        const auto* v = parameters.findText(name);
        return v == nullptr ? std::nullopt : std::optional(*v);
    }
    /// The router asks for less: "skip-mail", "step-up", "untrusted", "cached". Never for more, so
    /// a word that a client made up can only hurt itself.
    [[nodiscard]] bool asked(std::string_view word) const;
    [[nodiscard]] bool flag(std::string_view name) const {
        const auto* v = parameters.find(name);
        return v != nullptr && v->isBool() && v->boolean();
    }
};

/// Where the next step of a call runs. Work: may read the database and call other roles.
/// Passwords: the executor of hashing, apart, so that no session waits behind it.
enum class Where : std::uint8_t { Work, Passwords };

/// What a step of a call leads to: an answer, or another step elsewhere.
struct Step {
    std::optional<Answer> answer;
    Where where = Where::Work;
    std::function<Step(Call&)> next;
    Answer if_busy;  ///< when that executor's queue is full, or its deadline passes
    /// Not empty: called first, on the thread of the step before; it must not block, and calls
    /// `resume` exactly once, at once or later, on any thread. No thread waits meanwhile.
    std::function<void(std::function<void()> resume)> wait;

    Step(Answer a) : answer(std::move(a)) {}  // NOLINT: conversion is the point
    Step(Where w, std::function<Step(Call&)> n, Answer b)
        : where(w), next(std::move(n)), if_busy(std::move(b)) {}
};
using Work = std::function<Step(Call&)>;

[[nodiscard]] inline Step onPasswords(Work next, Answer if_busy = busy()) {
    return {Where::Passwords, std::move(next), std::move(if_busy)};
}

}  // namespace persona::wsapi
