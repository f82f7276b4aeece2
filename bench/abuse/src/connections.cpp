// The generator's connections, and what it asks of the stub out of band.
#include <algorithm>

#include "bench/abuse/src/generator.h"

namespace persona::abuse {

namespace {
constexpr Micros kSecond = 1'000'000;
constexpr Micros kPersonIdle = 4 * kSecond, kBotIdle = kSecond, kGrace = 12 * kSecond;
constexpr std::uint32_t kPersonConnections = 6, kBotConnections = 16;
}  // namespace

Client* Generator::connection(Actor& actor, const Record& r) {
    while (!actor.idle.empty()) {
        auto* client = actor.idle.back();
        if (client->open()) {
            actor.idle.pop_back();
            return client;
        }
        drop(*client);
    }
    if (actor.open >= (isLegitimate(r) ? kPersonConnections : kBotConnections)) return nullptr;
    if (clients_.size() + slow_.size() >= settings_.most_connections) return nullptr;
    auto made =
        std::make_unique<Client>(loop_, r.address, settings_.port, [this](Client& c) { drop(c); });
    if (!made->open()) return nullptr;
    auto* client = made.get();
    clients_.emplace(client, std::pair{std::move(made), r.actor});
    most_open_ = std::max(most_open_, clients_.size() + slow_.size());
    ++actor.open;
    return client;
}

void Generator::release(Actor& actor, Client& client, bool keep) {
    if (keep)
        actor.idle.push_back(&client);
    else
        drop(client);
}

void Generator::drop(Client& client) {
    const auto at = clients_.find(&client);
    if (at == clients_.end()) return;
    auto& actor = actors_[at->second.second];
    std::erase(actor.idle, &client);
    --actor.open;
    loop_.retire(std::move(at->second.first));
    clients_.erase(at);
}

void Generator::hold(const Record& r) {
    const auto ended = [this](Slow& s, Verdict verdict) {
        Task task;
        task.record = &s.record;
        log(task, Route::SessionContext, verdict, {}, s.begun, nullptr, 0, Outcome::None);
        const auto at = slow_.find(&s);
        loop_.retire(std::move(at->second));
        slow_.erase(at);
    };
    if (clients_.size() + slow_.size() < settings_.most_connections) {
        auto made = std::make_unique<Slow>(loop_, r, settings_.port, ended);
        if (made->open()) {
            auto* who = made.get();
            who->next = loop_.now() + kSecond;
            slow_.emplace(who, std::move(made));
            most_open_ = std::max(most_open_, clients_.size() + slow_.size());
            return;
        }
    }
    Task task;
    task.record = &r;
    log(task, Route::SessionContext, Verdict::Unsent, {}, loop_.now(), nullptr, 0, Outcome::None);
}

/// Ten times a second: timeouts, idle connections, slow ones, solved puzzles, and the end.
void Generator::sweep() {
    const auto now = loop_.now();
    solver_.collect();
    std::vector<Client*> late, idle;
    for (const auto& [client, owner] : clients_) {
        const auto person = actors_[owner.second].tasks > 0 && owner.second < 0x40000000;
        if (client->busy() && now - client->asked_at >
                                  (person ? settings_.person_timeout_us : settings_.bot_timeout_us))
            late.push_back(client);
        else if (!client->busy() && now - client->idle_since > (person ? kPersonIdle : kBotIdle))
            idle.push_back(client);
    }
    for (auto* client : late)
        if (clients_.contains(client)) client->giveUp();
    for (auto* client : idle)
        if (clients_.contains(client) && !client->busy()) drop(*client);
    std::vector<Slow*> due;
    for (const auto& [slow, owner] : slow_)
        if (slow->next <= now) due.push_back(slow);
    for (auto* slow : due) {
        // The next piece comes a second later: alive by every idle timer, useless by every other.
        slow->next = now + kSecond;
        slow->drip();
    }
    const bool over = now - zero_ >= settings_.length_us;
    if (over && (live_tasks_ == 0 || now - zero_ >= settings_.length_us + kGrace)) {
        finished_ = true;
        for (const auto& [slow, owner] : slow_) {
            Task task;
            task.record = &slow->record;
            log(task, Route::SessionContext, Verdict::Admitted, {}, slow->begun, nullptr, 1,
                Outcome::None);
        }
        return;
    }
    loop_.at(loop_.now() + kSecond / 10, [this] { sweep(); });
}

void Generator::prime(std::function<void()> ready) {
    struct Wanted {
        std::vector<std::pair<const Record*, std::uint8_t>> list;  // and what all its records hold
        std::size_t at = 0;
        std::function<void()> ready;
    };
    auto wanted = std::make_shared<Wanted>();
    wanted->ready = std::move(ready);
    std::unordered_map<std::uint32_t, std::size_t> seen;  // to the place in the list
    for (const auto& r : trace_) {
        if (!(r.flags & (kKnownDevice | kReturning | kSignedIn))) continue;
        const auto [at, is_new] = seen.try_emplace(r.actor, wanted->list.size());
        if (is_new)
            wanted->list.emplace_back(&r, r.flags);
        else
            wanted->list[at->second].second |= r.flags;
    }
    primer_ = std::make_unique<Client>(loop_, 0, settings_.control, [](Client&) {});
    // One question after the other: thousands take less than a second, and order is kept.
    auto ask = std::make_shared<std::function<void()>>();
    *ask = [this, wanted, weak = std::weak_ptr(ask)] {
        if (wanted->at == wanted->list.size()) {
            primer_->giveUp();
            return wanted->ready();
        }
        const auto [record, flags] = wanted->list[wanted->at];
        std::string target = "/cookies?account=" + std::to_string(record->account);
        if (flags & (kReturning | kSignedIn)) target += "&session=1";
        if (flags & kSignedIn) target += "&signed=1";
        if (flags & kKnownDevice) target += "&device=1";
        primer_->ask(
            "GET " + target + " HTTP/1.1\r\nHost: c\r\n\r\n",
            [this, wanted, next = weak.lock()](Client&, Client::End, const Message* answer) {
                if (answer == nullptr) {
                    // Without its cookies the trace would be another one.
                    throw std::runtime_error("the stub does not answer on its control port");
                }
                actors_[wanted->list[wanted->at].first->actor].jar.take(*answer);
                ++wanted->at;
                loop_.at(loop_.now(), [next] { (*next)(); });
            });
    };
    (*ask)();
}

}  // namespace persona::abuse
