#include "examples/common/pages.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "libs/protocol/json.h"
#include "libs/protocol/names.h"

namespace persona::examples {

std::map<std::string, std::string, std::less<>> loadPages(
    const std::string& folder, const std::map<std::string, std::string>& values) {
    std::map<std::string, std::string, std::less<>> pages;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        std::ifstream in(entry.path(), std::ios::binary);
        std::stringstream all;
        all << in.rdbuf();
        std::string text = all.str();
        for (const auto& [name, value] : values) {
            const std::string slot = "{{" + name + "}}";
            for (auto at = text.find(slot); at != std::string::npos;
                 at = text.find(slot, at + value.size()))
                text.replace(at, slot.size(), value);
        }
        pages.emplace(entry.path().filename().string(), std::move(text));
    }
    if (error || pages.empty())
        throw std::runtime_error("www_dir: " + folder + " has no pages; build the examples again");
    return pages;
}

std::string contentType(std::string_view name) {
    if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".svg")) return "image/svg+xml";
    return "text/html; charset=utf-8";
}

std::string cookie(const sdk::Stream& s, std::string_view name) {
    auto all = s.header("cookie");
    while (!all.empty()) {
        const auto end = all.find(';');
        auto one = all.substr(0, end);
        all = end == std::string_view::npos ? std::string_view() : all.substr(end + 1);
        while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
        if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=')
            return std::string(one.substr(name.size() + 1));
    }
    return {};
}

std::string bodyText(const sdk::Stream& s, std::string_view member) {
    const auto json = protocol::Json::parse(s.body());
    const auto* text = json && json->isObject() ? json->findText(member) : nullptr;
    return text != nullptr ? *text : std::string();
}

bool isOwnPage(const sdk::Stream& s, std::string_view origin) {
    return s.header("origin") == origin;
}

bool isLocalName(std::string_view host) {
    const auto port = host.find(':', host.starts_with('[') ? host.find(']') : 0);
    const auto name = protocol::toLower(host.substr(0, port));
    return name == "localhost" || name.ends_with(".localhost") || name == "127.0.0.1" ||
           name == "[::1]";
}

}  // namespace persona::examples
