#include "host/bridge/service.h"
#include "host/bridge/stream.h"
#include "host/net/reactor.h"

/// /__heartbeat__ of a service: its own health, and with `deep` that of what it depends on.
namespace persona::host::bridge {

namespace {

void answerText(net::Exchange& exchange, unsigned status, std::string body) {
    net::ResponseHead head;
    head.status = status;
    exchange.respond(std::move(head), std::move(body));
}

/// Hooks of an exchange that the host answers by itself.
class PlainHooks final : public net::ExchangeHooks {
    void onComplete(const net::Summary&) override {}
};

}  // namespace

bool Service::isHeartbeat(const net::Exchange& exchange, bool& deep) {
    const std::string_view target = exchange.request.target;
    if (!target.starts_with("/__heartbeat__") || exchange.request.method != "GET") return false;
    const auto rest = target.substr(14);
    if (!rest.empty() && rest.front() != '?') return false;
    deep = false;
    for (std::string_view q = rest.empty() ? rest : rest.substr(1); !q.empty();) {
        const auto amp = q.find('&');
        const auto pair = q.substr(0, amp);
        deep = deep || pair.substr(0, pair.find('=')) == "deep";
        if (amp == std::string_view::npos) break;
        q.remove_prefix(amp + 1);
    }
    return true;
}

std::string Service::illness(bool deep) const {
    if (factory_->health == nullptr) return "";
    ErrorText error;
    const InPlugin mark(tag_);
    psn_rc rc = PSN_FAIL;
    if (!contained([&] { rc = factory_->health(instance_, deep ? 1 : 0, &error.err); }))
        return "an exception left health";
    return rc == PSN_OK ? "" : error.str();
}

void Service::heartbeat(const net::ExchangePtr& exchange, bool deep) {
    exchange->attach(std::make_unique<PlainHooks>());
    exchange->discardBody(0);
    struct Check {
        std::mutex mutex;
        std::size_t left = 1;
        bool own_ok = true;
        std::string failures;
    };
    auto check = std::make_shared<Check>();
    const auto depends = deep ? settings_.depends_on : std::vector<std::string>{};
    check->left = 1 + depends.size();
    const auto finish = [exchange, check] {
        {
            const std::lock_guard lock(check->mutex);
            if (--check->left != 0) return;
        }
        const bool ok = check->own_ok && check->failures.empty();
        exchange->loop().post([exchange, ok,
                               text = ok                        ? std::string("ok")
                                      : check->failures.empty() ? "bad"
                                                                : "bad\n" + check->failures] {
            answerText(*exchange, ok ? 200 : 500, text);
        });
    };
    for (const auto& name : depends) {
        net::ClientRequest request;
        request.target = "/__heartbeat__";
        request.deadline = net::milliseconds(5'000);
        const auto done = [check, finish, name](const net::ClientResult& r) {
            if (r.status != 200) {
                const std::lock_guard lock(check->mutex);
                check->failures +=
                    name + ": " +
                    (r.status != 0 ? "response code " + std::to_string(r.status) : r.detail) + "\n";
            }
            finish();
        };
        if (const auto it = runtime_.inproc.find(name); it != runtime_.inproc.end()) {
            auto* executor = runtime_.executor("");
            const auto* other = runtime_.services.at(it->second).get();
            const bool queued = executor->submit([other, done](bool late) {
                net::ClientResult r;
                r.detail = late ? "no answer in time" : other->illness(false);
                r.status = r.detail.empty() ? 200 : 0;
                done(r);
            });
            if (!queued) done({net::ClientError::QueueFull, "executor queue is full", 0, {}, ""});
        } else {
            request.upstream = runtime_.engine->upstream(name);
            runtime_.engine->send(std::move(request), done);
        }
    }
    if (factory_->health == nullptr) return finish();
    const bool queued = runtime_.executor("")->submit([this, check, finish, deep](bool late) {
        const auto wrong = late ? std::string("no thread was free in time") : illness(deep);
        if (!wrong.empty()) {
            runtime_.log.write(3, id(), "heartbeat: " + wrong);
            check->own_ok = false;
        }
        finish();
    });
    if (!queued) {
        check->own_ok = false;
        finish();
    }
}

}  // namespace persona::host::bridge
