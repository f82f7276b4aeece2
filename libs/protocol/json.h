#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace persona::protocol {

/// A JSON value. Objects keep the order of their members.
class Json {
  public:
    enum class Type { Null, Bool, Number, String, Array, Object };
    using Member = std::pair<std::string, Json>;

    Json() = default;
    Json(bool b) : type_(Type::Bool), bool_(b) {}                                   // NOLINT
    Json(std::int64_t n) : type_(Type::Number), number_(static_cast<double>(n)) {}  // NOLINT
    Json(double n) : type_(Type::Number), number_(n) {}                             // NOLINT
    Json(std::string s) : type_(Type::String), text_(std::move(s)) {}               // NOLINT
    Json(const char* s) : Json(std::string(s)) {}                                   // NOLINT
    static Json object() {
        Json j;
        j.type_ = Type::Object;
        return j;
    }
    static Json array() {
        Json j;
        j.type_ = Type::Array;
        return j;
    }

    /// Strict (rules JSON-1 to JSON-3): UTF-8 without byte order mark, RFC 8259, no duplicate
    /// members, no lone surrogates, at most 32 levels. Empty: not so.
    static std::optional<Json> parse(std::string_view text);

    [[nodiscard]] Type type() const { return type_; }
    [[nodiscard]] bool isNull() const { return type_ == Type::Null; }
    [[nodiscard]] bool isBool() const { return type_ == Type::Bool; }
    [[nodiscard]] bool isNumber() const { return type_ == Type::Number; }
    [[nodiscard]] bool isString() const { return type_ == Type::String; }
    [[nodiscard]] bool isArray() const { return type_ == Type::Array; }
    [[nodiscard]] bool isObject() const { return type_ == Type::Object; }
    [[nodiscard]] bool boolean() const { return bool_; }
    [[nodiscard]] double number() const { return number_; }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::vector<Json>& items() const { return items_; }
    [[nodiscard]] const std::vector<Member>& members() const { return members_; }
    /// Member of that name, or nullptr.
    [[nodiscard]] const Json* find(std::string_view name) const;
    /// Text of a string member, or nullptr.
    [[nodiscard]] const std::string* findText(std::string_view name) const;
    Json& add(std::string name, Json value);  ///< object
    Json& push(Json value);                   ///< array
    /// Compact, non-ASCII as it is.
    [[nodiscard]] std::string dump() const;
    bool operator==(const Json& other) const;  ///< objects compare without order

  private:
    friend class JsonParser;
    void dumpTo(std::string& out) const;
    Type type_ = Type::Null;
    bool bool_ = false;
    double number_ = 0;
    std::string text_;
    std::vector<Json> items_;
    std::vector<Member> members_;
};

/// `text` as a JSON string, with its quotes.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace persona::protocol
