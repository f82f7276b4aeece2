#include "host/bridge/member.h"

#include <persona/abi/ext/draft/command.h>
#include <persona/abi/ext/self_check.h>

#include "host/bridge/ticks.h"
#include "host/net/reactor.h"

namespace persona::host::bridge {

Member::Member(MemberSettings s, unsigned loops)
    : settings(std::move(s)),
      breaker(loops),
      budget_ticks_(static_cast<std::uint64_t>(static_cast<double>(settings.budget_us) *
                                               ticksPerMicrosecond())) {}

Member::~Member() {
    retire();
}

std::string Member::create(BuildContext& c) {
    context = std::make_unique<PluginContext>(c.runtime, settings.id, settings.metric_prefix);
    context->owner = c.owner;
    context->heuristics = c.heuristics;
    auto& metrics = c.runtime.metrics;
    const auto counter = [&](const char* name) {
        return &metrics.declare(1, settings.metric_prefix + name);
    };
    const std::array names{"fault.failed", "fault.bad_result", "fault.deadline"};
    for (std::size_t i = 0; i < faults_.size(); ++i) faults_[i].counter = counter(names[i]);
    over_.counter = counter("over_budget");
    opened_ = counter("breaker_opened");
    skipped_ = counter("breaker_skipped");

    module::Refusal refusal;
    image = c.store.load(modulePath(c.plugin_dir, settings.module), context->host(), refusal);
    if (!image || !c.ids.claim(*image, refusal)) return settings.what + ": " + refusal.text();
    tag = context->tag = internTag(settings.id, image->hash, true);
    if (!settings.deny_on_error && c.store.isQuarantined(image->hash)) {
        quarantined = true;
        c.runtime.log.write(4, settings.id,
                            image->file +
                                " is quarantined: the process crashed in it 3 times within 10 "
                                "minutes; on_error: allow, so requests go on without it");
        counter("quarantined")->value.fetch_add(1);
        return "";
    }
    const psn_option* options = nullptr;
    std::size_t count = 0;
    if (auto wrong = adopt(*image->entry, life_, options, count); !wrong.empty())
        return settings.what + ": " + wrong;
    const auto before = c.document.problems().size();
    options_ = config::PluginConfig::read(c.document, options, count, settings.options, c.common,
                                          settings.options_path, c.used_common);
    if (c.document.problems().size() != before) return c.document.problems()[before];
    ErrorText text;
    const InPlugin mark(tag);
    psn_rc rc = PSN_FAIL;
    try {
        rc = life_.create(&context->host(), reinterpret_cast<const psn_config*>(options_.get()),
                          &instance, &text.err);
    } catch (...) {
        return settings.what + ": create: an exception left the plugin";
    }
    if (rc != PSN_OK || instance == nullptr) {
        instance = nullptr;
        return settings.what + ": create: " + text.str();
    }
    if (auto wrong = created(); !wrong.empty()) return settings.what + ": " + wrong;
    return "";
}

std::string Member::activate() {
    if (instance == nullptr) return "";
    if (life_.activate != nullptr) {
        ErrorText text;
        const InPlugin mark(tag);
        psn_rc rc = PSN_FAIL;
        try {
            rc = life_.activate(instance, &text.err);
        } catch (...) {
            return settings.what + ": activate: an exception left the plugin";
        }
        if (rc != PSN_OK) return settings.what + ": activate: " + text.str();
    }
    active_ = true;
    return "";
}

std::string Member::selfCheck() {
    if (instance == nullptr || life_.get_extension == nullptr) return "";
    const InPlugin mark(tag);
    ErrorText text;
    try {
        const auto* check = static_cast<const psn_self_check_plugin*>(
            life_.get_extension(instance, {PSN_SELF_CHECK_ID, sizeof PSN_SELF_CHECK_ID - 1}));
        if (check == nullptr || check->struct_size < sizeof *check || check->check == nullptr)
            return "";
        if (check->check(instance, &text.err) == PSN_OK) return "";
    } catch (...) {
        return settings.what + ": self-check: an exception left the plugin";
    }
    return settings.what + ": self-check: " + text.str();
}

psn_rc Member::command(std::string_view words, std::string& json) {
    if (instance == nullptr || life_.get_extension == nullptr) return PSN_NOT_FOUND;
    const InPlugin mark(tag);
    try {
        const auto* table = static_cast<const psn_command_plugin*>(
            life_.get_extension(instance, {PSN_COMMAND_ID, sizeof PSN_COMMAND_ID - 1}));
        if (table == nullptr || table->struct_size < sizeof *table || table->command == nullptr)
            return PSN_NOT_FOUND;
        return table->command(
            instance, toAbi(words),
            [](void* user, psn_str said) { *static_cast<std::string*>(user) = toString(said); },
            &json);
    } catch (...) {
        return PSN_FAIL;
    }
}

void Member::retire() {
    if (instance == nullptr) return;
    context->cancelTimers();
    const InPlugin mark(tag);
    try {
        if (active_ && life_.deactivate != nullptr) life_.deactivate(instance);
        life_.destroy(instance);
    } catch (...) {
        context->runtime.log.write(4, settings.id, "an exception left deactivate or destroy");
    }
    active_ = false;
    instance = nullptr;
}

void Member::fault(Fault kind, const std::string& detail) {
    context->tally(faults_[static_cast<std::size_t>(kind)], detail);
    if (!breaker.failed(net::monotonicNs())) return;
    opened_->value.fetch_add(1, std::memory_order_relaxed);
    context->runtime.log.write(
        4, settings.id,
        settings.deny_on_error ? "breaker opened for 30 s; requests are refused meanwhile"
                               : "breaker opened for 30 s; requests go on without it meanwhile");
}

void Member::overran(std::uint64_t taken_ticks) {
    over_budget_.fetch_add(1, std::memory_order_relaxed);
    const auto us =
        static_cast<std::uint64_t>(static_cast<double>(taken_ticks) / ticksPerMicrosecond());
    context->tally(over_, "a call took " + std::to_string(us) + " us, its budget is " +
                              std::to_string(settings.budget_us) + " us");
}

}  // namespace persona::host::bridge
