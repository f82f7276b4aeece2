#include "libs/accounts/address.h"

#include <idn2.h>

#include "libs/protocol/names.h"

namespace persona::accounts {

std::optional<Address> Address::parse(std::string_view text) {
    if (!protocol::emailDomain(text)) return std::nullopt;
    return Address(protocol::toLower(text), std::string(text));
}

std::optional<Address> Address::parseInternational(std::string_view utf8) {
    if (auto plain = parse(utf8)) return plain;
    const auto at = utf8.rfind('@');
    if (at == std::string_view::npos || utf8.size() > 1024) return std::nullopt;
    const std::string domain(utf8.substr(at + 1));
    if (domain.find('\0') != std::string::npos) return std::nullopt;
    char* ascii = nullptr;
    if (idn2_to_ascii_8z(domain.c_str(), &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return std::nullopt;
    const std::string whole = std::string(utf8.substr(0, at + 1)) + ascii;
    idn2_free(ascii);
    return parse(whole);
}

}  // namespace persona::accounts
