#include "plugins/antiabuse/args.h"

namespace persona::antiabuse {

namespace {

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string_view toView(psn_str s) {
    return {s.p, s.n};
}

}  // namespace

void Args::begin(std::size_t octets) {
    count_ = 0;
    used_ = 0;
    if (room_.size() < octets) room_.resize(octets);
}

bool Args::add(std::string_view name, std::string_view value) {
    if (count_ == kMost) return false;
    for (std::size_t i = 0; i < count_; ++i)
        if (toView(items_[i].name) == name) return false;
    items_[count_++] = {{name.data(), name.size()}, {value.data(), value.size()}};
    return true;
}

std::string_view Args::find(std::string_view name) const {
    for (std::size_t i = 0; i < count_; ++i)
        if (toView(items_[i].name) == name) return toView(items_[i].value);
    return {};
}

/// Of a form: a view of the input where nothing is escaped.
bool Args::decode(std::string_view in, std::string_view& out) {
    if (in.find_first_of("%+") == std::string_view::npos) {
        out = in;
        return true;
    }
    if (room_.size() - used_ < in.size()) return false;
    char* const from = room_.data() + used_;
    char* to = from;
    for (std::size_t i = 0; i < in.size(); ++i) {
        if (in[i] == '+') {
            *to++ = ' ';
        } else if (in[i] == '%') {
            if (i + 2 >= in.size()) return false;
            const int a = hex(in[i + 1]), b = hex(in[i + 2]);
            if (a < 0 || b < 0) return false;
            *to++ = static_cast<char>(a << 4 | b);
            i += 2;
        } else {
            *to++ = in[i];
        }
    }
    out = {from, static_cast<std::size_t>(to - from)};
    used_ += out.size();
    return true;
}

bool Args::readForm(std::string_view text) {
    while (!text.empty()) {
        const auto amp = text.find('&');
        const auto pair = text.substr(0, amp);
        text.remove_prefix(amp == std::string_view::npos ? text.size() : amp + 1);
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        std::string_view name, value;
        if (!decode(pair.substr(0, equals), name)) return false;
        if (equals != std::string_view::npos && !decode(pair.substr(equals + 1), value))
            return false;
        if (!add(name, value)) return false;
    }
    return true;
}

/// One object; a member's text is decoded only where it has escapes.
class Args::JsonReader {
  public:
    JsonReader(Args& args, std::string_view text) : args_(args), in_(text) {}
    bool object() {
        skipBlank();
        if (!take('{')) return false;
        skipBlank();
        if (!take('}'))
            for (bool more = true; more;) {
                std::string_view name, value;
                if (!text(name, true)) return false;
                skipBlank();
                if (!take(':')) return false;
                skipBlank();
                if (!(at() == '"' ? text(value, true) : plain(value))) return false;
                if (!args_.add(name, value)) return false;
                if (!next('}', more)) return false;
            }
        skipBlank();
        return pos_ == in_.size();
    }

  private:
    [[nodiscard]] char at() const { return pos_ < in_.size() ? in_[pos_] : '\0'; }
    bool take(char c) {
        if (at() != c || pos_ >= in_.size()) return false;
        ++pos_;
        return true;
    }
    void skipBlank() {
        while (pos_ < in_.size() &&
               (in_[pos_] == ' ' || in_[pos_] == '\t' || in_[pos_] == '\n' || in_[pos_] == '\r'))
            ++pos_;
    }
    /// After a value: a comma (and then there is more), or the end.
    bool next(char end, bool& more) {
        skipBlank();
        if (take(',')) {
            skipBlank();
            return true;
        }
        more = false;
        return take(end);
    }
    /// A string; `keep` false only looks for its end.
    bool text(std::string_view& out, bool keep) {
        if (!take('"')) return false;
        const auto from = pos_;
        while (pos_ < in_.size() && in_[pos_] != '"' && in_[pos_] != '\\') {
            if (static_cast<unsigned char>(in_[pos_]) < 0x20) return false;
            ++pos_;
        }
        if (at() == '"') {
            out = in_.substr(from, pos_ - from);
            ++pos_;
            return true;
        }
        return escaped(from, out, keep);
    }
    bool escaped(std::size_t from, std::string_view& out, bool keep) {
        char* const room = args_.room_.data() + args_.used_;
        const auto capacity = args_.room_.size() - args_.used_;
        std::size_t n = 0;
        const auto put = [&](char c) {
            if (!keep) return true;
            if (n == capacity) return false;
            room[n++] = c;
            return true;
        };
        for (auto i = from; i < pos_; ++i)
            if (!put(in_[i])) return false;
        while (pos_ < in_.size() && in_[pos_] != '"') {
            const char c = in_[pos_++];
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') {
                if (!put(c)) return false;
                continue;
            }
            static constexpr std::string_view kShort = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
            const char e = at();
            ++pos_;
            if (e == 'u') {
                unsigned code = 0;
                if (!unit(code)) return false;
                if (code >= 0xd800 && code < 0xdc00) {
                    unsigned low = 0;
                    if (!take('\\') || !take('u') || !unit(low) || low < 0xdc00 || low > 0xdfff)
                        return false;
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                } else if (code >= 0xdc00 && code < 0xe000) {
                    return false;
                }
                if (!utf8(code, put)) return false;
                continue;
            }
            const auto which = e == '\0' ? std::string_view::npos : kShort.find(e);
            if (which == std::string_view::npos || !put(kMeant[which])) return false;
        }
        if (!take('"')) return false;
        out = {room, n};
        args_.used_ += n;
        return true;
    }
    bool unit(unsigned& out) {
        if (in_.size() - pos_ < 4) return false;
        for (int i = 0; i < 4; ++i) {
            const int h = hex(in_[pos_++]);
            if (h < 0) return false;
            out = out << 4 | static_cast<unsigned>(h);
        }
        return true;
    }
    template <typename Put>
    static bool utf8(unsigned code, Put put) {
        const auto low = [&](unsigned shift) {
            return put(static_cast<char>(0x80 | ((code >> shift) & 0x3f)));
        };
        if (code < 0x80) return put(static_cast<char>(code));
        if (code < 0x800) return put(static_cast<char>(0xc0 | code >> 6)) && low(0);
        if (code < 0x10000) return put(static_cast<char>(0xe0 | code >> 12)) && low(6) && low(0);
        return put(static_cast<char>(0xf0 | code >> 18)) && low(12) && low(6) && low(0);
    }
    /// A number or a word as it stands; of an array or object nothing.
    bool plain(std::string_view& out) {
        if (at() == '{' || at() == '[') return nested(2);
        const auto from = pos_;
        while (pos_ < in_.size() && std::string_view("+-.0123456789eEaflnrstu").find(in_[pos_]) !=
                                        std::string_view::npos)
            ++pos_;
        out = in_.substr(from, pos_ - from);
        return !out.empty();
    }
    bool nested(unsigned level) {
        if (level > kDeepest) return false;
        const bool is_object = at() == '{';
        const char end = is_object ? '}' : ']';
        ++pos_;
        skipBlank();
        if (take(end)) return true;
        for (bool more = true; more;) {
            std::string_view ignored;
            if (is_object) {
                if (!text(ignored, false)) return false;
                skipBlank();
                if (!take(':')) return false;
                skipBlank();
            }
            const char c = at();
            if (!(c == '"'               ? text(ignored, false)
                  : c == '{' || c == '[' ? nested(level + 1)
                                         : plain(ignored)))
                return false;
            if (!next(end, more)) return false;
        }
        return true;
    }
    Args& args_;
    std::string_view in_;
    std::size_t pos_ = 0;
};

bool Args::readJson(std::string_view text) {
    return text.empty() || JsonReader(*this, text).object();
}

}  // namespace persona::antiabuse
