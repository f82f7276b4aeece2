#include "libs/protocol/json.h"

#include <array>
#include <charconv>
#include <cmath>

namespace persona::protocol {

class JsonParser {
  public:
    explicit JsonParser(std::string_view text) : p_(text.data()), end_(text.data() + text.size()) {}
    bool document(Json& out) {
        space();
        if (!value(out, 1)) return false;
        space();
        return p_ == end_;
    }

  private:
    static constexpr int kMaxDepth = 32;
    void space() {
        while (p_ != end_ && (*p_ == ' ' || *p_ == '\t' || *p_ == '\n' || *p_ == '\r')) ++p_;
    }
    bool literal(std::string_view word) {
        if (static_cast<std::size_t>(end_ - p_) < word.size() ||
            std::string_view(p_, word.size()) != word)
            return false;
        p_ += word.size();
        return true;
    }
    bool value(Json& out, int depth) {
        if (p_ == end_) return false;
        switch (*p_) {
            case '{':
                return depth <= kMaxDepth && object(out, depth);
            case '[':
                return depth <= kMaxDepth && array(out, depth);
            case '"':
                out.type_ = Json::Type::String;
                return string(out.text_);
            case 't':
                out = Json(true);
                return literal("true");
            case 'f':
                out = Json(false);
                return literal("false");
            case 'n':
                return literal("null");
            default:
                return number(out);
        }
    }
    bool object(Json& out, int depth) {
        out.type_ = Json::Type::Object;
        ++p_;
        space();
        if (p_ != end_ && *p_ == '}') return ++p_, true;
        for (;;) {
            std::string name;
            if (p_ == end_ || *p_ != '"' || !string(name)) return false;
            for (const auto& m : out.members_)
                if (m.first == name) return false;
            // Comparing each with all is fine for what fits in a request, but bounded all the same.
            if (out.members_.size() >= 1024) return false;
            space();
            if (p_ == end_ || *p_ != ':') return false;
            ++p_;
            space();
            out.members_.emplace_back(std::move(name), Json());
            if (!value(out.members_.back().second, depth + 1)) return false;
            space();
            if (p_ == end_) return false;
            if (*p_ == '}') return ++p_, true;
            if (*p_++ != ',') return false;
            space();
        }
    }
    bool array(Json& out, int depth) {
        out.type_ = Json::Type::Array;
        ++p_;
        space();
        if (p_ != end_ && *p_ == ']') return ++p_, true;
        for (;;) {
            out.items_.emplace_back();
            if (!value(out.items_.back(), depth + 1)) return false;
            space();
            if (p_ == end_) return false;
            if (*p_ == ']') return ++p_, true;
            if (*p_++ != ',') return false;
            space();
        }
    }
    bool number(Json& out) {
        const char* start = p_;
        const auto digits = [&] {
            const char* from = p_;
            while (p_ != end_ && *p_ >= '0' && *p_ <= '9') ++p_;
            return p_ != from;
        };
        if (p_ != end_ && *p_ == '-') ++p_;
        if (p_ != end_ && *p_ == '0')
            ++p_;
        else if (!digits())
            return false;
        if (p_ != end_ && *p_ == '.') {
            ++p_;
            if (!digits()) return false;
        }
        if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
            ++p_;
            if (p_ != end_ && (*p_ == '+' || *p_ == '-')) ++p_;
            if (!digits()) return false;
        }
        out.type_ = Json::Type::Number;
        const auto r = std::from_chars(start, p_, out.number_);
        // A number beyond the range of a double is kept as infinity: no rule accepts it as a time
        // or size.
        if (r.ec == std::errc::result_out_of_range) out.number_ = HUGE_VAL;
        return true;
    }
    bool hex4(std::uint32_t& out) {
        if (end_ - p_ < 4) return false;
        const auto r = std::from_chars(p_, p_ + 4, out, 16);
        if (r.ec != std::errc{} || r.ptr != p_ + 4) return false;
        p_ += 4;
        return true;
    }
    static void utf8(std::string& out, std::uint32_t c) {
        if (c < 0x80) {
            out.push_back(static_cast<char>(c));
        } else if (c < 0x800) {
            out.push_back(static_cast<char>(0xc0 | c >> 6));
            out.push_back(static_cast<char>(0x80 | (c & 63)));
        } else if (c < 0x10000) {
            out.push_back(static_cast<char>(0xe0 | c >> 12));
            out.push_back(static_cast<char>(0x80 | (c >> 6 & 63)));
            out.push_back(static_cast<char>(0x80 | (c & 63)));
        } else {
            out.push_back(static_cast<char>(0xf0 | c >> 18));
            out.push_back(static_cast<char>(0x80 | (c >> 12 & 63)));
            out.push_back(static_cast<char>(0x80 | (c >> 6 & 63)));
            out.push_back(static_cast<char>(0x80 | (c & 63)));
        }
    }
    bool escape(std::string& out) {
        if (p_ == end_) return false;
        switch (*p_++) {
            case '"':
                out.push_back('"');
                return true;
            case '\\':
                out.push_back('\\');
                return true;
            case '/':
                out.push_back('/');
                return true;
            case 'b':
                out.push_back('\b');
                return true;
            case 'f':
                out.push_back('\f');
                return true;
            case 'n':
                out.push_back('\n');
                return true;
            case 'r':
                out.push_back('\r');
                return true;
            case 't':
                out.push_back('\t');
                return true;
            case 'u':
                break;
            default:
                return false;
        }
        std::uint32_t c = 0, low = 0;
        if (!hex4(c)) return false;
        if (c >= 0xdc00 && c <= 0xdfff) return false;
        if (c >= 0xd800 && c <= 0xdbff) {
            if (!literal("\\u") || !hex4(low) || low < 0xdc00 || low > 0xdfff) return false;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
        utf8(out, c);
        return true;
    }
    /// One well-formed UTF-8 sequence of 2 to 4 octets (Unicode table 3-7).
    bool multibyte(std::string& out) {
        const auto at = [&](std::ptrdiff_t i) { return static_cast<unsigned char>(p_[i]); };
        const auto left = end_ - p_;
        const unsigned char a = at(0);
        std::ptrdiff_t n = 0;
        unsigned char low = 0x80, high = 0xbf;
        if (a >= 0xc2 && a <= 0xdf) {
            n = 2;
        } else if (a >= 0xe0 && a <= 0xef) {
            n = 3;
            if (a == 0xe0) low = 0xa0;
            if (a == 0xed) high = 0x9f;
        } else if (a >= 0xf0 && a <= 0xf4) {
            n = 4;
            if (a == 0xf0) low = 0x90;
            if (a == 0xf4) high = 0x8f;
        } else {
            return false;
        }
        if (left < n || at(1) < low || at(1) > high) return false;
        for (std::ptrdiff_t i = 2; i < n; ++i)
            if (at(i) < 0x80 || at(i) > 0xbf) return false;
        out.append(p_, static_cast<std::size_t>(n));
        p_ += n;
        return true;
    }
    bool string(std::string& out) {
        ++p_;
        for (;;) {
            const char* from = p_;
            while (p_ != end_ && *p_ != '"' && *p_ != '\\' &&
                   static_cast<unsigned char>(*p_) >= 0x20 &&
                   static_cast<unsigned char>(*p_) < 0x80)
                ++p_;
            out.append(from, p_);
            if (p_ == end_) return false;
            if (*p_ == '"') return ++p_, true;
            if (*p_ == '\\') {
                ++p_;
                if (!escape(out)) return false;
            } else if (static_cast<unsigned char>(*p_) < 0x20 || !multibyte(out)) {
                return false;
            }
        }
    }
    const char* p_;
    const char* end_;
};

std::optional<Json> Json::parse(std::string_view text) {
    Json out;
    if (!JsonParser(text).document(out)) return std::nullopt;
    return out;
}

const Json* Json::find(std::string_view name) const {
    for (const auto& m : members_)
        if (m.first == name) return &m.second;
    return nullptr;
}

const std::string* Json::findText(std::string_view name) const {
    const auto* v = find(name);
    return v != nullptr && v->isString() ? &v->text_ : nullptr;
}

Json& Json::add(std::string name, Json value) {
    members_.emplace_back(std::move(name), std::move(value));
    return *this;
}

Json& Json::push(Json value) {
    items_.push_back(std::move(value));
    return *this;
}

void appendJsonString(std::string& out, std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    out.push_back('"');
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.append({'\\', c});
        } else if (u < 0x20 || u == 0x7f) {
            out.append("\\u00").append({kHex[u >> 4], kHex[u & 15]});
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

void Json::dumpTo(std::string& out) const {
    switch (type_) {
        case Type::Null:
            out += "null";
            break;
        case Type::Bool:
            out += bool_ ? "true" : "false";
            break;
        case Type::String:
            appendJsonString(out, text_);
            break;
        case Type::Number: {
            std::array<char, 40> text{};
            const bool whole =
                std::abs(number_) < 9007199254740992.0 && number_ == std::floor(number_);
            const auto r = whole ? std::to_chars(text.data(), text.data() + text.size(),
                                                 static_cast<std::int64_t>(number_))
                                 : std::to_chars(text.data(), text.data() + text.size(), number_);
            if (std::isfinite(number_))
                out.append(text.data(), r.ptr);
            else
                out += "null";
            break;
        }
        case Type::Array: {
            out.push_back('[');
            for (std::size_t i = 0; i < items_.size(); ++i) {
                if (i != 0) out.push_back(',');
                items_[i].dumpTo(out);
            }
            out.push_back(']');
            break;
        }
        case Type::Object: {
            out.push_back('{');
            for (std::size_t i = 0; i < members_.size(); ++i) {
                if (i != 0) out.push_back(',');
                appendJsonString(out, members_[i].first);
                out.push_back(':');
                members_[i].second.dumpTo(out);
            }
            out.push_back('}');
            break;
        }
    }
}

std::string Json::dump() const {
    std::string out;
    dumpTo(out);
    return out;
}

bool Json::operator==(const Json& o) const {
    if (type_ != o.type_) return false;
    switch (type_) {
        case Type::Null:
            return true;
        case Type::Bool:
            return bool_ == o.bool_;
        case Type::Number:
            return number_ == o.number_;
        case Type::String:
            return text_ == o.text_;
        case Type::Array:
            return items_ == o.items_;
        case Type::Object: {
            if (members_.size() != o.members_.size()) return false;
            for (const auto& m : members_) {
                const auto* other = o.find(m.first);
                if (other == nullptr || !(*other == m.second)) return false;
            }
            return true;
        }
    }
    return false;
}

}  // namespace persona::protocol
