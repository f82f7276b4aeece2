#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "libs/protocol/json.h"

namespace persona::protocol {

namespace {

/// Finds a name that comes twice in an object (JSON-2). Few names are compared one by one, many go
/// into a table, so that an object full of names costs no more than its length.
class Names {
  public:
    /// False: the last member's name is there already.
    bool add(const Json::Members& members) {
        const auto& name = members.back().first;
        const std::size_t count = members.size();
        if (count <= kFew) {
            for (std::size_t i = 0; i + 1 < count; ++i)
                if (members[i].first == name) return false;
            return true;
        }
        if (count * 2 > table_.size()) {
            table_.assign(count * 4, 0);
            for (std::size_t i = 0; i + 1 < count; ++i) insert(members, i);
        }
        return insert(members, count - 1);
    }

  private:
    static constexpr std::size_t kFew = 16;
    bool insert(const Json::Members& members, std::size_t i) {
        for (auto at = hash(members[i].first) % table_.size();; at = (at + 1) % table_.size()) {
            if (table_[at] == 0) {
                table_[at] = static_cast<std::uint32_t>(i + 1);
                return true;
            }
            if (members[table_[at] - 1].first == members[i].first) return false;
        }
    }
    /// Keyed by this process's own number: nobody outside can choose names that collide.
    static std::size_t hash(std::string_view name) {
        static const std::uint64_t kSeed = [] {
            std::random_device source;
            return (static_cast<std::uint64_t>(source()) << 32 | source()) | 1;
        }();
        std::uint64_t h = kSeed ^ name.size();
        for (const char c : name) {
            h = (h ^ static_cast<unsigned char>(c)) * kSeed;
            h ^= h >> 29;
        }
        return static_cast<std::size_t>(h);
    }
    std::vector<std::uint32_t> table_;  ///< index of a member + 1; 0: free
};

}  // namespace

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
                return string(out.value_.emplace<std::string>());
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
        auto& members = out.value_.emplace<Json::Members>();
        ++p_;
        space();
        if (p_ != end_ && *p_ == '}') return ++p_, true;
        members.reserve(8);
        Names names;
        for (;;) {
            if (p_ == end_ || *p_ != '"') return false;
            auto& member = members.emplace_back();
            if (!string(member.first) || !names.add(members)) return false;
            space();
            if (p_ == end_ || *p_ != ':') return false;
            ++p_;
            space();
            if (!value(member.second, depth + 1)) return false;
            space();
            if (p_ == end_) return false;
            if (*p_ == '}') return ++p_, true;
            if (*p_++ != ',') return false;
            space();
        }
    }
    bool array(Json& out, int depth) {
        auto& items = out.value_.emplace<Json::Items>();
        ++p_;
        space();
        if (p_ != end_ && *p_ == ']') return ++p_, true;
        for (;;) {
            if (!value(items.emplace_back(), depth + 1)) return false;
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
        double n = 0;
        if (std::from_chars(start, p_, n).ec != std::errc{}) return false;
        // 2^53 + 1 reads as 2^53, so that one is told from its text.
        constexpr double kLimit = 9007199254740992.0;
        if (std::abs(n) > kLimit) return false;
        if (std::abs(n) == kLimit &&
            std::string_view(start, p_).substr(*start == '-' ? 1 : 0) != "9007199254740992")
            return false;
        out.value_ = n;
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
            const auto run = plainRun({p_, static_cast<std::size_t>(end_ - p_)});
            out.append(p_, run);
            p_ += run;
            if (p_ == end_) return false;
            if (*p_ == '"') return ++p_, true;
            if (*p_ == '\\') {
                // Where one is escaped, more follow: a key as a text has one before every quote.
                if (out.size() == run) out.reserve(run + std::min<std::ptrdiff_t>(end_ - p_, 192));
                ++p_;
                if (!escape(out)) return false;
            } else if (*p_ == 0x7f) {
                out.push_back(*p_++);
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

}  // namespace persona::protocol
