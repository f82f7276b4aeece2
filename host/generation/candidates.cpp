#include <algorithm>
#include <limits>

#include "host/bridge/candidate.h"
#include "host/generation/manager.h"
#include "host/net/reactor.h"

/// Heuristics that are tried on live traffic before they act: load, diff, commit, abort.
namespace persona::host::generation {

namespace {

std::string blockOf(const config::HeuristicSettings& h) {
    return h.module + "\n" + (h.options.IsDefined() ? YAML::Dump(h.options) : std::string());
}

config::HeuristicSettings* find(config::HostConfig& config, const std::string& id) {
    const auto at = std::find_if(config.heuristics.begin(), config.heuristics.end(),
                                 [&](const auto& h) { return h.id == id; });
    return at == config.heuristics.end() ? nullptr : &*at;
}

/// The control socket may choose among the files that an administrator has put there, and no more.
bool isBelow(const std::string& module) {
    return module.front() != '/' && ("/" + module + "/").find("/../") == std::string::npos;
}

}  // namespace

bridge::Heuristic* Manager::heuristic(const std::string& id) const {
    if (!active_) return nullptr;
    for (const auto& h : active_->heuristics())
        if (h->settings.id == id) return h.get();
    return nullptr;
}

std::string Manager::tryOut(const Attempt& attempt) {
    auto* acting = heuristic(attempt.id);
    if (acting == nullptr) return "no heuristic has the id '" + attempt.id + "'";
    auto fresh = read_();
    if (!fresh.error.empty()) return fresh.error;
    applyCommitted(fresh);
    auto* settings = find(fresh.config, attempt.id);
    if (settings == nullptr)
        return "the configuration has no heuristic '" + attempt.id + "' any more";
    if (!attempt.module.empty()) {
        if (!isBelow(attempt.module))
            return "expected a file below plugin_dir, as `module:` names it, such as "
                   "antiabuse/login.so";
        settings->module = attempt.module;
    }
    if (!attempt.options.empty()) {
        auto options = config::Document::fromText(attempt.options, "--config");
        if (!options.problems().empty()) return options.problems().front();
        settings->options = options.root();
        settings->path = "--config";
    }
    module::Ids ids;
    std::set<std::string> used;
    bridge::BuildContext context{
        runtime_, store_,      ids,     fresh.document, fresh.config.common,
        used,     plugin_dir_, active_, nullptr};
    std::string wrong;
    // It may look at the tables of the acting one, and must not put others in their place.
    const bridge::OnlyLooking looking;
    auto tried = bridge::buildHeuristic(context, *settings,
                                        "browserid.heuristic." + attempt.id + ".candidate.", wrong);
    if (wrong.empty()) {
        tried->context->part = bridge::Part::Looking;
        wrong = tried->activate();
    }
    if (wrong.empty()) wrong = tried->selfCheck();
    if (!wrong.empty()) return wrong;
    const auto now = net::monotonicNs();
    const auto until = attempt.shadow_ms == 0 ? std::numeric_limits<std::int64_t>::max()
                                              : now + attempt.shadow_ms * 1'000'000;
    say(2, "heuristic '" + attempt.id + "': " + tried->image->hash.substr(0, 16) +
               " is tried beside " + acting->image->hash.substr(0, 16));
    acting->tryOut(std::make_unique<bridge::Candidate>(std::move(tried), now, until));
    attempted_[attempt.id] = *settings;
    return "";
}

std::string Manager::diff(const std::string& id, std::string& report) const {
    const auto* acting = heuristic(id);
    if (acting == nullptr) return "no heuristic has the id '" + id + "'";
    if (acting->candidate() == nullptr)
        return "nothing is tried beside '" + id + "'; `aa load " + id + "` begins";
    report = "{\"rule\":\"" + id + "\",\"acting\":{\"version\":\"" +
             acting->image->manifest.version + "\",\"image\":\"" +
             acting->image->hash.substr(0, 16) +
             "\"},\"tried\":" + acting->candidate()->report(net::monotonicNs()) + "}";
    return "";
}

std::string Manager::abort(const std::string& id) {
    const auto* acting = heuristic(id);
    if (acting == nullptr || acting->candidate() == nullptr || !acting->candidate()->isOpen())
        return "nothing is tried beside '" + id + "'";
    acting->candidate()->close();
    attempted_.erase(id);
    say(2, "heuristic '" + id + "': what was tried is given up");
    return "";
}

void Manager::commit(const std::string& id, const std::string& from, Done done) {
    Outcome no;
    no.step = "commit";
    no.generation = active();
    const auto* acting = heuristic(id);
    const auto attempt = attempted_.find(id);
    if (acting == nullptr || attempt == attempted_.end()) {
        no.error = "nothing is tried beside '" + id + "'";
        return done(no);
    }
    const auto faults = acting->candidate()->tried().breaker.faults();
    if (faults != 0) {
        no.error = "it failed " + std::to_string(faults) + " times while it was tried";
        return done(no);
    }
    auto fresh = read_();
    const auto* in_file = fresh.error.empty() ? find(fresh.config, id) : nullptr;
    if (in_file == nullptr) {
        no.error = fresh.error.empty() ? "the configuration has it no more" : fresh.error;
        return done(no);
    }
    const auto before = committed_;
    committed_[id] = {attempt->second, blockOf(*in_file)};
    reload(from, false, [this, before, done = std::move(done)](const Outcome& outcome) {
        if (!outcome.ok) committed_ = before;
        done(outcome);
    });
}

void Manager::applyCommitted(Fresh& fresh) {
    for (auto c = committed_.begin(); c != committed_.end();) {
        const auto& [id, committed] = *c;
        auto* in_file = find(fresh.config, id);
        if (in_file == nullptr || blockOf(*in_file) != committed.before) {
            say(2, "heuristic '" + id + "' is as the configuration has it, which has changed");
            c = committed_.erase(c);
            continue;
        }
        if (blockOf(*in_file) != blockOf(committed.settings))
            fresh.notes.push_back("heuristic '" + id + "' is " + committed.settings.module +
                                  " as committed; a restart goes back to the configuration: put "
                                  "it there");
        *in_file = committed.settings;
        ++c;
    }
}

void Manager::forgetCommitted() {
    for (const auto& [id, committed] : committed_)
        say(3, "heuristic '" + id + "': what was committed is taken back");
    committed_.clear();
}

}  // namespace persona::host::generation
