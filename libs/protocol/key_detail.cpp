#include "libs/protocol/key_detail.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

namespace persona::protocol::detail {

namespace {

Bn fromHex(const std::string& text) {
    BIGNUM* n = nullptr;
    BN_hex2bn(&n, text.c_str());
    return Bn(n);
}

/// One positive DER INTEGER from big-endian octets.
void appendInteger(std::string& out, std::string_view octets) {
    octets.remove_prefix(std::min(octets.find_first_not_of('\0'), octets.size() - 1));
    const bool pad = (static_cast<unsigned char>(octets.front()) & 0x80) != 0;
    out.push_back(2);
    out.push_back(static_cast<char>(octets.size() + (pad ? 1 : 0)));
    if (pad) out.push_back('\0');
    out.append(octets);
}

}  // namespace

Bn bnFromOctets(std::string_view o) {
    return Bn(BN_bin2bn(reinterpret_cast<const unsigned char*>(o.data()),
                        static_cast<int>(o.size()), nullptr));
}

Bn bnFromLittle(const std::vector<unsigned char>& o) {
    return Bn(BN_lebin2bn(o.data(), static_cast<int>(o.size()), nullptr));
}

std::string toDecimal(const BIGNUM* n) {
    char* text = BN_bn2dec(n);
    std::string out = text == nullptr ? "" : text;
    OPENSSL_free(text);
    return out;
}

std::string toHex(const BIGNUM* n) {
    char* text = BN_bn2hex(n);
    std::string out = text == nullptr ? "0" : text;
    OPENSSL_free(text);
    for (auto& c : out) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
    out.erase(0, std::min(out.find_first_not_of('0'), out.size() - 1));
    return out;
}

std::string toOctets(const BIGNUM* n) {
    std::string out(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
    BN_bn2bin(n, reinterpret_cast<unsigned char*>(out.data()));
    return out;
}

std::vector<unsigned char> toNative(const BIGNUM* n) {
    std::vector<unsigned char> out(static_cast<std::size_t>(BN_num_bytes(n)));
    BN_bn2nativepad(n, out.data(), static_cast<int>(out.size()));
    return out;
}

Group::Group(const char* p_text, const char* q_text, const char* g_text)
    : p_hex(p_text),
      q_hex(q_text),
      g_hex(g_text),
      q_octets(toOctets(fromHex(q_hex).get())),
      p(fromHex(p_hex)),
      q(fromHex(q_hex)),
      g(fromHex(g_hex)),
      largest_y(BN_dup(p.get())),
      p_native(toNative(p.get())),
      q_native(toNative(q.get())),
      g_native(toNative(g.get())),
      mont_(BN_MONT_CTX_new()) {
    BN_sub_word(largest_y.get(), 2);
    BN_CTX* ctx = BN_CTX_new();
    BN_MONT_CTX_set(mont_, p.get(), ctx);
    BN_CTX_free(ctx);
}

Group::~Group() {
    BN_MONT_CTX_free(mont_);
}

bool Group::contains(const BIGNUM* y) const {
    if (BN_is_zero(y) || BN_is_one(y) || BN_is_negative(y) || BN_cmp(y, largest_y.get()) > 0)
        return false;
    BN_CTX* ctx = BN_CTX_new();
    const Bn power(BN_new());
    const bool computed = ctx != nullptr && power != nullptr &&
                          BN_mod_exp_mont(power.get(), y, q.get(), p.get(), ctx, mont_) == 1;
    BN_CTX_free(ctx);
    return computed && BN_is_one(power.get());
}

const Group& groupDs128() {
    static const Group kGroup{
        "ff600483db6abfc5b45eab78594b3533d550d9f1bf2a992a7a8daa6dc34f8045ad4e6e0c429d334eeeaaef"
        "d7e23d4810be00e4cc1492cba325ba81ff2d5a5b305a8d17eb3bf4a06a349d392e00d329744a5179380344"
        "e82a18c47933438f891e22aeef812d69c8f75e326cb70ea000c3f776dfdbd604638c2ef717fc26d02e17",
        "e21e04f911d1ed7991008ecaab3bf775984309c3",
        "c52a4a0ff3b7e61fdf1867ce84138369a6154f4afa92966e3c827e25cfa6cf508b90e5de419e1337e0"
        "7a2e9e2a3cd5dea704d175f8ebf6af397d69e110b96afb17c7a03259329e4829b0d03bbc7896b15b4a"
        "de53e130858cc34d96269aa89041f409136c7242a38895c9d5bccad4f389af1d7a4bd1398bd072dffa"
        "896233397a"};
    return kGroup;
}

const Group& groupDs256() {
    static const Group kGroup{
        "d6c4e5045697756c7a312d02c2289c25d40f9954261f7b5876214b6df109c738b76226b199bb7e33f8fc7a"
        "c1dcc316e1e7c78973951bfc6ff2e00cc987cd76fcfb0b8c0096b0b460fffac960ca4136c28f4bfb580de4"
        "7cf7e7934c3985e3b3d943b77f06ef2af3ac3494fc3c6fc49810a63853862a02bb1c824a01b7fc688e4028"
        "527a58ad58c9d512922660db5d505bc263af293bc93bcd6d885a157579d7f52952236dd9d06a4fc3bc2247"
        "d21f1a70f5848eb0176513537c983f5a36737f01f82b44546e8e7f0fabc457e3de1d9c5dba96965b10a2a0"
        "580b0ad0f88179e10066107fb74314a07e6745863bc797b7002ebec0b000a98eb697414709ac17b401",
        "b1e370f6472c8754ccd75e99666ec8ef1fd748b748bbbc08503d82ce8055ab3b",
        "9a8269ab2e3b733a5242179d8f8ddb17ff93297d9eab00376db211a22b19c854dfa80166df2132cbc51fb2"
        "24b0904abb22da2c7b7850f782124cb575b116f41ea7c4fc75b1d77525204cd7c23a15999004c23cdeb723"
        "59ee74e886a1dde7855ae05fe847447d0a68059002c3819a75dc7dcbb30e39efac36e07e2c404b7ca98b26"
        "3b25fa314ba93c0625718bd489cea6d04ba4b0b7f156eeb4c56c44b50e4fb5bce9d7ae0d55b379225feb02"
        "14a04bed72f33e0664d290e7c840df3e2abb5e48189fa4e90646f1867db289c6560476799f7be8420a6dc0"
        "1d078de437f280fff2d7ddf1248d56e1a54b933a41629d6c252983c58795105802d30d7bcd819cf6ef"};
    return kGroup;
}

const std::string& p256Order() {
    static const std::string kOrder =
        toOctets(fromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").get());
    return kOrder;
}

std::string rangeCheckedDer(std::string_view signature, std::string_view order) {
    const std::size_t width = order.size();
    std::string padded;
    if (signature.size() < 2 * width) {
        padded.assign(2 * width - signature.size(), '\0');
        signature = padded.append(signature);
    }
    std::string out;
    out.reserve(2 * width + 8);
    out.append({0x30, 0});
    for (const auto number : {signature.substr(0, width), signature.substr(width)}) {
        // Nothing here is secret, so the comparison may end early.
        if (number.find_first_not_of('\0') == std::string_view::npos ||
            std::memcmp(number.data(), order.data(), width) >= 0)
            return "";
        appendInteger(out, number);
    }
    out[1] = static_cast<char>(out.size() - 2);  // below 128: orders are of 20 or 32 octets
    return out;
}

std::string pairFromDer(std::string_view der, std::size_t width) {
    // Two INTEGERs in a SEQUENCE, every length of one octet: orders are of 20 or 32 octets.
    std::string out(2 * width, '\0');
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(der[i]); };
    if (der.size() < 2 || octet(0) != 0x30 || octet(1) != der.size() - 2) return "";
    der.remove_prefix(2);
    for (const auto end : {width, 2 * width}) {
        if (der.size() < 2 || octet(0) != 2 || octet(1) > der.size() - 2) return "";
        auto number = der.substr(2, octet(1));
        der.remove_prefix(2 + number.size());
        if (number.size() == width + 1 && number.front() == '\0') number.remove_prefix(1);
        if (number.empty() || number.size() > width) return "";
        std::copy(number.begin(), number.end(),
                  out.begin() + static_cast<std::ptrdiff_t>(end - number.size()));
    }
    return der.empty() ? out : "";
}

}  // namespace persona::protocol::detail
