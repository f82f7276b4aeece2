#include "libs/protocol/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace persona::protocol {

const std::string& Json::text() const {
    static const std::string kNone;
    return isString() ? std::get<std::string>(value_) : kNone;
}

const Json::Items& Json::items() const {
    static const Items kNone;
    return isArray() ? std::get<Items>(value_) : kNone;
}

const Json::Members& Json::members() const {
    static const Members kNone;
    return isObject() ? std::get<Members>(value_) : kNone;
}

const Json* Json::find(std::string_view name) const {
    for (const auto& m : members())
        if (m.first == name) return &m.second;
    return nullptr;
}

std::string Json::takeText(std::string_view name) {
    if (isObject())
        for (auto& m : std::get<Members>(value_))
            if (m.first == name && m.second.isString())
                return std::move(std::get<std::string>(m.second.value_));
    return {};
}

const std::string* Json::findText(std::string_view name) const {
    const auto* v = find(name);
    return v != nullptr && v->isString() ? &v->text() : nullptr;
}

Json& Json::add(std::string name, Json value) {
    if (!isObject()) value_.emplace<Members>();
    auto& members = std::get<Members>(value_);
    if (members.capacity() == 0) members.reserve(8);
    members.emplace_back(std::move(name), std::move(value));
    return *this;
}

Json& Json::push(Json value) {
    if (!isArray()) value_.emplace<Items>();
    std::get<Items>(value_).push_back(std::move(value));
    return *this;
}

std::size_t plainRun(std::string_view text) {
    std::size_t i = 0;
#if defined(__SSE2__)
    const auto all = [](char c) { return _mm_set1_epi8(c); };
    for (; i + 16 <= text.size(); i += 16) {
        const auto v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
        // The comparison is signed: octets from 0x80 on are below 0x20 as well.
        const auto marks =
            _mm_or_si128(_mm_or_si128(_mm_cmplt_epi8(v, all(0x20)), _mm_cmpeq_epi8(v, all(0x7f))),
                         _mm_or_si128(_mm_cmpeq_epi8(v, all('"')), _mm_cmpeq_epi8(v, all('\\'))));
        if (const auto mask = static_cast<unsigned>(_mm_movemask_epi8(marks)); mask != 0)
            return i + static_cast<std::size_t>(std::countr_zero(mask));
    }
#endif
    for (; i < text.size(); ++i) {
        const auto u = static_cast<unsigned char>(text[i]);
        if (u < 0x20 || u > 0x7e || u == '"' || u == '\\') break;
    }
    return i;
}

void appendJsonString(std::string& out, std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    out.push_back('"');
    for (;;) {
        const auto run = plainRun(text);
        out.append(text.substr(0, run));
        if (run == text.size()) break;
        const char c = text[run];
        const auto u = static_cast<unsigned char>(c);
        text.remove_prefix(run + 1);
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
    switch (type()) {
        case Type::Null:
            out += "null";
            break;
        case Type::Bool:
            out += boolean() ? "true" : "false";
            break;
        case Type::String:
            appendJsonString(out, text());
            break;
        case Type::Number: {
            const double n = number();
            std::array<char, 40> text{};
            const bool whole = std::abs(n) < 9007199254740992.0 && n == std::floor(n);
            const auto r = whole ? std::to_chars(text.data(), text.data() + text.size(),
                                                 static_cast<std::int64_t>(n))
                                 : std::to_chars(text.data(), text.data() + text.size(), n);
            if (std::isfinite(n))
                out.append(text.data(), r.ptr);
            else
                out += "null";
            break;
        }
        case Type::Array: {
            out.push_back('[');
            for (std::size_t i = 0; i < items().size(); ++i) {
                if (i != 0) out.push_back(',');
                items()[i].dumpTo(out);
            }
            out.push_back(']');
            break;
        }
        case Type::Object: {
            out.push_back('{');
            for (std::size_t i = 0; i < members().size(); ++i) {
                if (i != 0) out.push_back(',');
                appendJsonString(out, members()[i].first);
                out.push_back(':');
                members()[i].second.dumpTo(out);
            }
            out.push_back('}');
            break;
        }
    }
}

std::string Json::dump() const {
    std::string out;
    out.reserve(256);
    dumpTo(out);
    return out;
}

bool Json::operator==(const Json& o) const {
    if (!isObject() || !o.isObject()) return value_ == o.value_;
    return members().size() == o.members().size() &&
           std::all_of(members().begin(), members().end(), [&](const Member& m) {
               const auto* other = o.find(m.first);
               return other != nullptr && *other == m.second;
           });
}

}  // namespace persona::protocol
