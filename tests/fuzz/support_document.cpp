#include <cstdlib>

#include "libs/protocol/names.h"
#include "libs/protocol/support.h"

/// A support document, whatever it is, is one of four things, and what it gives holds to the rules.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using persona::protocol::SupportDocument;
    persona::protocol::KeyOptions options;
    options.allow_es256 = options.allow_ed25519 = true;
    const auto d = persona::protocol::parseSupportDocument(
        {reinterpret_cast<const char*>(data), size}, options);
    const auto insist = [](bool holds) {
        if (!holds) std::abort();
    };
    const auto isPath = [](const std::string& p) {
        return p.size() <= 2'048 && p.starts_with("/") && !p.starts_with("//") &&
               p.find('\\') == std::string::npos;
    };
    switch (d.type) {
        case SupportDocument::Type::Invalid:
            insist(!d.error.empty() && d.keys.empty());
            break;
        case SupportDocument::Type::Supported:
            insist(!d.keys.empty() && d.keys.size() <= 16 && isPath(d.authentication) &&
                   isPath(d.provisioning));
            break;
        case SupportDocument::Type::Delegation:
            insist(persona::protocol::isHostName(d.authority) &&
                   persona::protocol::toLower(d.authority) == d.authority);
            break;
        case SupportDocument::Type::Disabled:
            insist(d.authority.empty() && d.keys.empty());
            break;
    }
    return 0;
}
