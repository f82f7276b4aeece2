#include "libs/domainkey/key_ring.h"

#include <algorithm>

#include "libs/domainkey/files.h"

namespace persona::domainkey {

namespace {

const OtherKey* nextOf(const PublicKeys& keys) {
    for (const auto& o : keys.others)
        if (o.is_next) return &o;
    return nullptr;
}

bool same(const protocol::PublicKey& a, const protocol::PublicKey& b) {
    return a.canonical() == b.canonical();
}

}  // namespace

Result<std::unique_ptr<KeyRing>> KeyRing::open(std::unique_ptr<KeyStore> store, RingOptions options,
                                               std::int64_t now_ms) {
    std::unique_ptr<KeyRing> ring(new KeyRing(std::move(store), std::move(options)));
    // Reading a key checks its numbers, which takes longer than all else here: once is enough.
    auto current = ring->store_->load(Slot::Current, now_ms);
    if (current && *current == nullptr) {
        const auto error = ring->store_->generate(Slot::Current, ring->options_.algorithm);
        if (!error.empty()) return Error{error};
        current = ring->store_->load(Slot::Current, now_ms);
    }
    if (auto error = ring->take(current, now_ms); !error.empty()) return Error{error};
    return ring;
}

std::string KeyRing::load(std::int64_t now_ms) {
    return take(store_->load(Slot::Current, now_ms), now_ms);
}

/// Reads the other slot and works out what is to be published, from what was published before.
std::string KeyRing::take(const Result<std::shared_ptr<const DomainKey>>& current,
                          std::int64_t now_ms) {
    if (!current) return current.error();
    if (*current == nullptr) return "the domain key is gone";
    const auto next = store_->load(Slot::Next, now_ms);
    if (!next) return next.error();

    PublicKeys keys{(*current)->public_key, (*current)->created_ms, {}};
    // The lead counts from when the key was first published, which is now, or what the file says.
    if (*next != nullptr && !same((*next)->public_key, keys.current))
        keys.others.push_back({(*next)->public_key, true, now_ms, 0});
    if (exists(options_.public_file)) {
        const auto text = readFile(options_.public_file);
        if (!text) return text.error();
        const auto before = parsePublicKeys(*text);
        // Guessing here would drop keys under which certificates are still good.
        if (!before)
            return options_.public_file + " is not a public key file (" + before.error() +
                   "): it says which earlier keys still count; restore it, or delete it to drop "
                   "them";
        if (same(before->current, keys.current))
            keys.created_ms = std::min(keys.created_ms, before->created_ms);
        else if (nextOf(keys) == nullptr || !same(before->current, nextOf(keys)->key))
            keys.others.push_back(
                {before->current, false, before->created_ms, now_ms + options_.keep_ms});
        if (const auto* known = nextOf(*before); known != nullptr)
            for (auto& o : keys.others)
                if (o.is_next && same(o.key, known->key)) o.created_ms = known->created_ms;
        for (const auto& o : before->others)
            if (!o.is_next && o.until_ms > now_ms && !same(o.key, keys.current))
                keys.others.push_back(o);
    }
    auto signing = **current;
    signing.created_ms = keys.created_ms;  // which may be known better from the file
    current_.store(std::make_shared<const DomainKey>(std::move(signing)));
    return publish(std::move(keys));
}

std::string KeyRing::publish(PublicKeys keys) {
    if (auto error = makeDirectoryOf(options_.public_file); !error.empty()) return error;
    if (auto error = writeFile(options_.public_file, keys.toText(), 0644, false); !error.empty())
        return error;
    published_.store(std::make_shared<const PublicKeys>(std::move(keys)));
    return "";
}

/// Every step may fail and be done again. The public file has the new key already, so a crash
/// between two writes is harmless: the next start finds another current key than the file says, and
/// keeps the old one.
Result<std::string> KeyRing::promote(const protocol::PublicKey& next, std::int64_t now_ms) {
    auto ready = store_->load(Slot::Next, now_ms);
    if (!ready) return Error{ready.error()};
    if (*ready != nullptr && !same((*ready)->public_key, next)) {
        if (auto error = load(now_ms); !error.empty()) return Error{error};
        return std::string("the next domain key is another one now, which has a lead of its own");
    }
    // It signs before the old one is destroyed, which a token does under those who hold it.
    if (*ready != nullptr) current_.store(std::move(*ready));
    if (auto error = store_->promote(); !error.empty()) return Error{error};
    if (auto error = load(now_ms); !error.empty()) return Error{error};
    if (!same(current()->public_key, next))
        return std::string("the next domain key is gone; the current one goes on");
    return std::string(
        "the next domain key signs from now on; the previous one stays "
        "published until its certificates have expired");
}

Result<std::string> KeyRing::advance(std::int64_t now_ms) {
    const auto known = published();
    requested_ = store_->takeRequest() || requested_;
    if (const auto* next = nextOf(*known); next != nullptr) {
        if (now_ms < next->created_ms + options_.lead_ms) return std::string();
        return promote(next->key, now_ms);
    }
    const bool old = options_.rotate_after_ms > 0 &&
                     now_ms >= known->created_ms + options_.rotate_after_ms - options_.lead_ms;
    if (requested_ || old) {
        if (auto error = store_->generate(Slot::Next, options_.algorithm); !error.empty())
            return Error{error};
        if (auto error = load(now_ms); !error.empty()) return Error{error};
        requested_ = false;
        return std::string("a next domain key was made and is published; it signs after the lead");
    }
    if (std::any_of(known->others.begin(), known->others.end(),
                    [&](const OtherKey& o) { return !o.is_next && o.until_ms <= now_ms; })) {
        if (auto error = load(now_ms); !error.empty()) return Error{error};
        return std::string("a previous domain key is not published any more");
    }
    return std::string();
}

}  // namespace persona::domainkey
