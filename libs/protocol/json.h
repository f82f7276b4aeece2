#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace persona::protocol {

/// A JSON value. Objects keep the order of their members.
class Json {
  public:
    enum class Type { Null, Bool, Number, String, Array, Object };
    using Member = std::pair<std::string, Json>;
    using Items = std::vector<Json>;
    using Members = std::vector<Member>;

    Json() = default;
    Json(bool b) : value_(b) {}                               // NOLINT: conversions are the point
    Json(std::int64_t n) : value_(static_cast<double>(n)) {}  // NOLINT
    Json(double n) : value_(n) {}                             // NOLINT
    Json(std::string s) : value_(std::move(s)) {}             // NOLINT
    Json(const char* s) : value_(std::string(s)) {}           // NOLINT
    static Json object() {
        Json j;
        j.value_.emplace<Members>();
        return j;
    }
    static Json array() {
        Json j;
        j.value_.emplace<Items>();
        return j;
    }

    /// Strict (rules JSON-1 to JSON-3): UTF-8 without byte order mark, RFC 8259, no duplicate
    /// members, no lone surrogates, at most 32 levels; and no number beyond 2^53, which other
    /// readers would round each in its way. Empty: not so.
    static std::optional<Json> parse(std::string_view text);

    [[nodiscard]] Type type() const { return static_cast<Type>(value_.index()); }
    [[nodiscard]] bool isNull() const { return type() == Type::Null; }
    [[nodiscard]] bool isBool() const { return type() == Type::Bool; }
    [[nodiscard]] bool isNumber() const { return type() == Type::Number; }
    [[nodiscard]] bool isString() const { return type() == Type::String; }
    [[nodiscard]] bool isArray() const { return type() == Type::Array; }
    [[nodiscard]] bool isObject() const { return type() == Type::Object; }
    /// Of another type each of these is false, 0 or empty.
    [[nodiscard]] bool boolean() const { return isBool() && std::get<bool>(value_); }
    [[nodiscard]] double number() const { return isNumber() ? std::get<double>(value_) : 0; }
    [[nodiscard]] const std::string& text() const;
    [[nodiscard]] const Items& items() const;
    [[nodiscard]] const Members& members() const;
    /// Member of that name, or nullptr.
    [[nodiscard]] const Json* find(std::string_view name) const;
    /// Text of a string member, or nullptr.
    [[nodiscard]] const std::string* findText(std::string_view name) const;
    /// Moves the text of a string member out; what stays is a string of any content. Empty: none.
    [[nodiscard]] std::string takeText(std::string_view name);
    Json& add(std::string name, Json value);  ///< object
    Json& push(Json value);                   ///< array
    /// Compact, non-ASCII as it is.
    [[nodiscard]] std::string dump() const;
    void dumpTo(std::string& out) const;       ///< appends
    bool operator==(const Json& other) const;  ///< objects compare without order

  private:
    friend class JsonParser;
    // In the order of Type.
    std::variant<std::monostate, bool, double, std::string, Items, Members> value_;
};

/// Octets at the start of `text` that stand for themselves in a JSON string: printable ASCII but
/// the quote and the backslash.
[[nodiscard]] std::size_t plainRun(std::string_view text);
/// `text` as a JSON string, with its quotes.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace persona::protocol
