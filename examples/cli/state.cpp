#include "examples/cli/state.h"

#include <unistd.h>

#include <utility>

#include "examples/cli/failure.h"
#include "libs/files/files.h"
#include "libs/protocol/json.h"

namespace persona::cli {

namespace {

constexpr std::size_t kMostOctets = 256 * 1024;

struct Field {
    const char* name;
    std::string State::*member;
};
constexpr Field kFields[] = {
    {"url", &State::url},
    {"email", &State::email},
    {"password", &State::password},
    {"key", &State::key_pem},
    {"certificate", &State::certificate},
    {"bundle", &State::bundle},
    {"audience", &State::audience},
};

}  // namespace

State::State(std::string file) : file_(std::move(file)) {
    if (::access(file_.c_str(), F_OK) != 0) return;
    const auto text = files::readFile(file_, kMostOctets);
    if (!text) throw Failure(Exit::Io, text.error());
    const auto json = protocol::Json::parse(*text);
    if (!json || !json->isObject())
        throw Failure(Exit::Io, file_ + " is not a state file of persona-cli: delete it");
    for (const auto& field : kFields)
        if (const auto* value = json->findText(field.name)) this->*field.member = *value;
    if (const auto* jar = json->find("cookies"))
        for (const auto& [name, value] : jar->members()) cookies[name] = value.text();
}

void State::save() const {
    auto json = protocol::Json::object();
    for (const auto& field : kFields) json.add(field.name, this->*field.member);
    auto jar = protocol::Json::object();
    for (const auto& [name, value] : cookies) jar.add(name, value);
    json.add("cookies", std::move(jar));
    const auto staged = file_ + ".new-" + std::to_string(::getpid());
    const auto error = files::writeDurably(staged, file_, json.dump() + "\n", 0600);
    if (!error.empty()) throw Failure(Exit::Io, error);
}

}  // namespace persona::cli
