#include "libs/domainkey/public_keys.h"

#include <sys/stat.h>

#include <algorithm>

#include "libs/domainkey/files.h"
#include "libs/protocol/json.h"
#include "libs/protocol/token.h"

namespace persona::domainkey {

namespace {

using protocol::Json;

protocol::KeyOptions everyFamily() {
    protocol::KeyOptions o;
    o.allow_es256 = o.allow_ed25519 = true;
    return o;
}

std::string quoted(std::string_view name, std::int64_t value) {
    return ",\"" + std::string(name) + "\":" + std::to_string(value);
}

}  // namespace

std::vector<protocol::PublicKey> PublicKeys::all() const {
    std::vector<protocol::PublicKey> out{current};
    for (const auto& o : others) out.push_back(o.key);
    return out;
}

std::int64_t PublicKeys::oldestMs() const {
    std::int64_t out = created_ms;
    for (const auto& o : others)
        if (!o.is_next) out = std::min(out, o.created_ms);
    return out;
}

std::string PublicKeys::toText() const {
    std::string out = "{\"public-key\":" + current.canonical() + quoted("created", created_ms);
    if (!others.empty()) {
        out += ",\"keys\":[";
        for (const auto& o : others) {
            if (out.back() != '[') out += ",";
            out += "{\"public-key\":" + o.key.canonical() + ",\"state\":\"" +
                   (o.is_next ? "next" : "previous") + "\"" + quoted("created", o.created_ms);
            if (!o.is_next) out += quoted("until", o.until_ms);
            out += "}";
        }
        out += "]";
    }
    return out + "}\n";
}

Result<PublicKeys> parsePublicKeys(std::string_view text) {
    const auto json = Json::parse(text);
    if (!json || !json->isObject()) return Error{"no JSON object"};
    const auto readKey = [](const Json& o, protocol::PublicKey& key, std::int64_t& created) {
        const auto *k = o.find("public-key"), *c = o.find("created");
        if (k == nullptr || c == nullptr) return std::string("public-key or created is missing");
        auto parsed = protocol::PublicKey::parse(*k, everyFamily());
        const auto time = protocol::parseTime(*c);
        if (!parsed) return "public-key: " + parsed.error();
        if (!time) return std::string("created is no time in milliseconds");
        key = std::move(*parsed);
        created = *time;
        return std::string();
    };
    PublicKeys out;
    if (auto error = readKey(*json, out.current, out.created_ms); !error.empty())
        return Error{std::move(error)};
    const auto* keys = json->find("keys");
    if (keys == nullptr) return out;
    if (!keys->isArray()) return Error{"keys is no list"};
    for (const auto& k : keys->items()) {
        OtherKey other;
        if (auto error = readKey(k, other.key, other.created_ms); !error.empty())
            return Error{"keys: " + error};
        const auto* state = k.findText("state");
        if (state == nullptr || (*state != "next" && *state != "previous"))
            return Error{"keys: state is neither next nor previous"};
        other.is_next = *state == "next";
        if (const auto* until = k.find("until"); until != nullptr) {
            const auto time = protocol::parseTime(*until);
            if (!time) return Error{"keys: until is no time in milliseconds"};
            other.until_ms = *time;
        }
        out.others.push_back(std::move(other));
    }
    return out;
}

Result<bool> PublicFile::refresh() {
    const std::lock_guard lock(mutex_);
    struct stat st {};
    if (::stat(file_.c_str(), &st) != 0)
        return Error{systemError("cannot read the domain's public keys " + file_ +
                                 " (keysigner writes them at its start)")};
    const auto seen = std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) + ":" +
                      std::to_string(st.st_size) + ":" + std::to_string(st.st_mtim.tv_sec) + "." +
                      std::to_string(st.st_mtim.tv_nsec);
    if (seen == seen_) return false;
    const auto text = readFile(file_);
    if (!text) return Error{text.error()};
    auto keys = parsePublicKeys(*text);
    if (!keys)
        return Error{file_ + " is not a public key file (" + keys.error() +
                     "): delete it and restart keysigner"};
    keys_.store(std::make_shared<const PublicKeys>(std::move(*keys)));
    seen_ = seen;
    return true;
}

}  // namespace persona::domainkey
