#include "host/bridge/command.h"

#include <algorithm>

#include "host/bridge/service.h"

/// The host's half of psn.admin/1.
namespace persona::host::bridge {

namespace {

constexpr std::uint32_t kMostCommands = 64;
constexpr std::size_t kMostText = 16 << 20;

bool isName(std::string_view name) {
    const auto isWordCharacter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (name.empty() || name.size() > 64 || name.front() == ' ' || name.back() == ' ') return false;
    for (std::size_t i = 0; i < name.size(); ++i)
        if (!isWordCharacter(name[i]) && !(name[i] == ' ' && name[i - 1] != ' ')) return false;
    return std::count(name.begin(), name.end(), ' ') < 3;
}

}  // namespace

std::string Service::readCommands() {
    if (factory_->get_extension == nullptr) return "";
    admin_ = static_cast<const psn_admin_plugin*>(
        factory_->get_extension(instance_, {PSN_ADMIN_ID, sizeof PSN_ADMIN_ID - 1}));
    if (admin_ == nullptr) return "";
    if (admin_->struct_size < sizeof(psn_admin_plugin) || admin_->commands == nullptr ||
        admin_->run == nullptr)
        return PSN_ADMIN_ID ": expected size " + std::to_string(sizeof(psn_admin_plugin)) +
               ", commands and run; rebuild with the SDK";
    std::uint32_t count = 0;
    const auto* rows = admin_->commands(instance_, &count);
    if (count > kMostCommands || (rows == nullptr && count != 0))
        return PSN_ADMIN_ID ": expected at most " + std::to_string(kMostCommands) + " commands";
    for (std::uint32_t i = 0; i < count; ++i) {
        CommandInfo c{toString(rows[i].name), toString(rows[i].arguments),
                      toString(rows[i].help), rows[i].min_arguments,
                      rows[i].max_arguments,  (rows[i].flags & PSN_ADMIN_CHANGES) != 0};
        if (!isName(c.name))
            return PSN_ADMIN_ID ": command '" + c.name +
                   "': expected one to three words of a-z, 0-9 and '-'";
        commands_.push_back(std::move(c));
    }
    return "";
}

CommandAnswer Service::run(std::size_t index, const CommandRequest& request) const {
    CommandAnswer answer;
    std::vector<psn_str> arguments;
    for (const auto& a : request.arguments) arguments.push_back(toAbi(a));
    const psn_admin_call call{sizeof(psn_admin_call),
                              static_cast<std::uint32_t>(index),
                              arguments.data(),
                              static_cast<std::uint32_t>(arguments.size()),
                              request.json ? 1U : 0U,
                              toAbi(request.from),
                              &answer.text,
                              [](void* out, psn_str piece) {
                                  auto& text = *static_cast<std::string*>(out);
                                  if (text.size() + piece.n <= kMostText)
                                      text.append(piece.p, piece.n);
                              }};
    ErrorText error;
    const InPlugin mark(tag_);
    answer.rc = PSN_FAIL;
    if (!contained([&] { answer.rc = admin_->run(instance_, &call, &error.err); }))
        answer.error = "an exception left the plugin";
    else if (answer.rc != PSN_OK)
        answer.error = error.str();
    return answer;
}

}  // namespace persona::host::bridge
