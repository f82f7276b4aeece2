#include "libs/wsapi/roles.h"

namespace persona::wsapi {

std::optional<protocol::Json> RoleAnswer::json() const {
    if (status != 200) return std::nullopt;
    auto parsed = protocol::Json::parse(body);
    return parsed && parsed->isObject() ? std::move(parsed) : std::nullopt;
}

bool RoleAnswer::succeeded() const {
    const auto object = json();
    const auto* value = object ? object->find("success") : nullptr;
    return value != nullptr && value->isBool() && value->boolean();
}

PendingAnswer RoleClient::start(std::string_view role, const std::string& upstream,
                                std::string_view op, const protocol::Json& arguments) const {
    const auto target = "/wsapi/" + std::string(op);
    const auto body = arguments.dump();
    std::vector<std::pair<std::string, std::string>> fields{{"Content-Type", "application/json"}};
    for (auto& f : signer_.sign({role, "POST", target, body}, now_ms_()))
        fields.push_back(std::move(f));
    return transport_(upstream, target, fields, body);
}

}  // namespace persona::wsapi
