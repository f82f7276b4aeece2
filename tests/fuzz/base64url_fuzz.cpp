#include <string>

#include "libs/protocol/base64url.h"
#include "tests/fuzz/require.h"

/// Against a decoder that is written down from B64-1 and B64-2 bit by bit.
namespace {

std::optional<std::string> plainDecode(std::string_view text) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string bits, out;
    for (const char c : text) {
        const auto value = kAlphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        for (int i = 5; i >= 0; --i) bits.push_back((value >> i & 1) != 0 ? '1' : '0');
    }
    const auto spare = bits.size() % 8;
    if (spare >= 6) return std::nullopt;
    for (std::size_t i = bits.size() - spare; i < bits.size(); ++i)
        if (bits[i] != '0') return std::nullopt;
    for (std::size_t i = 0; i + 8 <= bits.size(); i += 8)
        out.push_back(static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2)));
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using persona::protocol::decodeBase64Lenient;
    using persona::protocol::decodeBase64Url;
    using persona::protocol::encodeBase64Url;
    const auto text = textOf(data, size);
    const auto decoded = decodeBase64Url(text);
    PERSONA_REQUIRE(decoded == plainDecode(text));
    if (decoded) PERSONA_REQUIRE(encodeBase64Url(*decoded) == text);
    PERSONA_REQUIRE(decodeBase64Url(encodeBase64Url(text)) == text);
    const auto lenient = decodeBase64Lenient(text);
    if (decoded) PERSONA_REQUIRE(lenient == decoded);
    return 0;
}
