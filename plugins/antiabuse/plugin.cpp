#include <array>
#include <atomic>
#include <cstring>
#include <persona/sdk/filter.hpp>
#include <persona/sdk/series.hpp>
#include <persona/sdk/siphash.hpp>

#include "libs/abuse/shards.h"
#include "libs/wsapi/seal.h"
#include "libs/wsapi/session.h"
#include "plugins/antiabuse/answer.h"
#include "plugins/antiabuse/latency.h"
#include "plugins/antiabuse/operator.h"
#include "plugins/antiabuse/options.h"
#include "plugins/antiabuse/outcome.h"
#include "plugins/antiabuse/panel.h"
#include "plugins/antiabuse/reader.h"
#include "plugins/antiabuse/scripted.h"
#include "plugins/antiabuse/tarpit.h"

/// The member of the router's chain that puts the heuristics' verdicts together and acts on them
/// (anti-abuse.md 3.1).
namespace persona::antiabuse {

namespace {

constexpr std::uint64_t kFlushMs = 250, kWatchMs = 10'000;
constexpr std::uint32_t kChallengeWithoutMs = 5'000, kBoxLevel = 12;
constexpr std::int64_t kMs = 1'000'000;  ///< in nanoseconds

/// What a loop uses again for each request.
struct Scratch {
    Args args;
    Findings findings;
};
Scratch& scratch() {
    thread_local Scratch s;
    return s;
}

}  // namespace

class AntiAbuse final : public sdk::Filter {
  public:
    struct Context {
        Reader::Out read{};
        std::uint64_t asked = 0;
        std::int32_t refused_by = -1;
        bool refused = false, judged = false;
        psn_outcome outcome{};
        std::vector<std::string> cookies;
    };
    static std::vector<psn_option> options() { return declaredOptions(); }

    AntiAbuse(const psn_host* h, const psn_config* c)
        : Filter(h, c),
          options_(config),
          keys_(options_.secret),
          routes_(options_.verifier_authority),
          ledger_(host, options_.ledger),
          classes_(options_.class_keys, true),
          reader_(keys_, routes_, ledger_, options_.trusted, classes_),
          panel_(host, options_.modes, options_.default_mode),
          explain_(options_.explain_file, options_.explain_rate, panel_.names()),
          tarpit_(host, options_.tarpit_most),
          plain_(host, "plain"),
          with_body_(host, "body"),
          ids_{} {
        const auto octets = host.random(sizeof ids_);
        std::memcpy(ids_.data(), octets.data(), sizeof ids_);
        setWall();
        tarpitted_ = host.counter("tarpit.held");
        refused_ = host.counter("refused");
        passed_ = host.counter("passed");
        stopped_signed_in_ = host.counter("signin_after_stop");
        const auto challenges = [&](std::string_view kind, std::string_view result) {
            return sdk::series(host, PSN_METRIC_COUNTER, "bid_aa_challenges",
                               {{"kind", kind}, {"result", result}});
        };
        put_ = {challenges("work", "put"), challenges("mail", "put")};
        solved_ = challenges("work", "solved");
        none_ = challenges("any", "none_for_client");
        shown_signed_in_ = sdk::series(host, PSN_METRIC_COUNTER, "bid_aa_signin_after_stop", {});
    }

    void activate() override {
        every(kFlushMs, [](void* self) {
            static_cast<AntiAbuse*>(self)->setWall();
            static_cast<AntiAbuse*>(self)->explain_.flush();
        });
        every(kWatchMs, [](void* self) { static_cast<AntiAbuse*>(self)->panel_.watch(); });
    }
    void deactivate() override { tarpit_.end(); }

    psn_filter_body bodies() override {
        return {PSN_FILTER_BODY_BUFFER, PSN_FILTER_BODY_NONE, options_.max_body, 0};
    }

    sdk::Flow onRequestHeaders(Context& context, const sdk::FilterStream& s) {
        strip(s);
        // With a body all is looked at when it is there.
        return s.request().has_body != 0 ? sdk::Flow::Continue : judge(context, s, {});
    }
    sdk::Flow onRequestBody(Context& context, const sdk::FilterStream& s, std::string_view body,
                            bool) {
        return judge(context, s, body);
    }

    sdk::Flow onResponseHeaders(Context& context, const sdk::FilterStream& s) {
        auto& o = context.outcome;
        // The host takes them out behind the last filter.
        readOutcome(s.responseHeader("BID-AA-Outcome"), o);
        o.cost_us = readMicroseconds(s.responseHeader("BID-AA-Cost-Us"), 0);
        o.queue_us = readMicroseconds(s.responseHeader("BID-AA-Queue-Us"), ~0U);
        for (const auto& cookie : context.cookies) s.addResponseHeader("Set-Cookie", cookie);
        return sdk::Flow::Continue;
    }

    void onComplete(Context& context, const sdk::FilterStream&, const psn_summary& summary) {
        if (!context.judged) return;
        auto& f = context.read.facts;
        auto& o = context.outcome;
        forgetViews(f);
        f.now_ns = host.monotonicNs();
        o.struct_size = sizeof o;
        o.status = summary.status;
        o.duration_us = static_cast<std::uint32_t>(summary.duration_ns / 1'000);
        o.upstream_us = static_cast<std::uint32_t>(summary.upstream_ns / 1'000);
        if (context.refused) o.flags |= PSN_ENDED_REFUSED;
        if (summary.aborted != 0) o.flags |= PSN_ENDED_ABORTED;
        if ((o.codes >> PSN_OUTCOME_AUTH_OK & 1) != 0) {
            ledger_.signedIn(f.prefix_key[0], f.account_key, f.now_ns);
            if (f.strikes != 0 || (f.flags & PSN_FACT_PAID) != 0) {
                stopped_signed_in_.add();
                shown_signed_in_.add();
            }
        }
        if ((o.codes >> PSN_OUTCOME_MAIL_SENT & 1) != 0)
            ledger_.began(f.prefix_key[0], f.account_key, f.now_ns);
        panel_.observe(context.asked, f, o, context.refused_by);
    }

    std::optional<std::string> command(std::string_view words) override {
        return Operator{panel_, explain_, ledger_, keys_, host}.answer(words);
    }

  private:
    void every(std::uint64_t ms, psn_timer_fn fn) {
        std::uint64_t id = 0;
        if (host.timers().start(host.raw(), ms, ms, fn, this, &id) != PSN_OK)
            throw std::runtime_error("no timer to be had");
    }

    /// What roles tell the router does not come from a client.
    static void strip(const sdk::FilterStream& s) {
        for (bool again = true; again;) {
            again = false;
            const auto& r = s.request();
            for (std::uint32_t i = 0; i < r.header_count && !again; ++i) {
                const auto name = sdk::view(r.headers[i].name);
                if (name.size() < 7 || (name[0] | 0x20) != 'b' || (name[3] | 0x20) != '-' ||
                    (name[4] | 0x20) != 'a' || (name[5] | 0x20) != 'a' || name[6] != '-')
                    continue;
                again = s.removeHeader(std::string(name)) == PSN_OK;
            }
        }
    }

    [[nodiscard]] std::uint64_t newId() {
        const auto part = abuse::partOf(next_ids_.size());
        const auto nth = next_ids_[part].fetch_add(1, std::memory_order_relaxed);
        const std::uint64_t n = nth * next_ids_.size() + part;
        return sdk::sipHashOf<1, 3>(ids_, {reinterpret_cast<const char*>(&n), sizeof n}) | 1;
    }

    sdk::Flow judge(Context& context, const sdk::FilterStream& s, std::string_view body) {
        auto& here = scratch();
        auto& f = context.read.facts;
        const auto now = host.monotonicNs();
        // One clock is read, and the other one told by it.
        const auto wall = now / kMs + wall_ahead_ms_.load(std::memory_order_relaxed);
        reader_.read(s, body, now, wall, here.args, context.read);
        weighCookie(s, f);
        panel_.prepare(f);
        reader_.readStanding(context.read);
        f.request_key = newId();
        here.findings.clear();
        context.judged = true;
        context.outcome.queue_us = ~0U;
        context.asked = panel_.ask(f, here.findings, context.cookies);
        own(context.read, here.findings);
        auto d = here.findings.combine(f, options_.weights);
        if (Latency::isSampled(f.request_key)) (body.empty() ? plain_ : with_body_).endedAfter(now);
        psn_challenge challenge{};
        const bool put = d.kind == PSN_VERDICT_CHALLENGE && panel_.challenge(f, d, challenge);
        if ((f.flags & PSN_FACT_PAID) != 0) solved_.add();
        if (put) put_[d.challenge_kind == PSN_CHALLENGE_MAIL ? 1 : 0].add();
        if (d.kind == PSN_VERDICT_CHALLENGE && !put) {
            none_.add();
            d.kind = PSN_VERDICT_THROTTLE;
            d.retry_after_ms = std::max(d.retry_after_ms, kChallengeWithoutMs);
        }
        punish(f, here.findings, d, now);
        if (explains(here.findings))
            explain_.note(f.request_key, wall, now, sdk::view(s.request().request_id), f,
                          here.findings, d);
        if (d.refuses()) return refuse(context, s, here.findings, d, put ? &challenge : nullptr);
        passed_.add();
        if (d.hints != 0) s.setValue("antiabuse.ask", askFor(d.hints));
        if (d.kind != PSN_VERDICT_DELAY || !tarpit_.hold(s, d.delay_ms)) return sdk::Flow::Continue;
        tarpitted_.add();
        return sdk::Flow::Pause;
    }

    /// Whoever is known has bounds: beyond them he is one of many, whatever he may do there. A
    /// cookie that is not ours may be one of a key that was replaced: a page with its files is held
    /// against nobody, and a call once.
    void weighCookie(const sdk::FilterStream& s, psn_facts& f) const {
        if (f.session_key != 0 &&
            !ledger_.isPersonal(f.session_key, isFile(f.route_class), f.now_ns)) {
            f.session_key = 0;
            f.session_class = PSN_SESSION_NONE;
            f.flags &= ~PSN_FACT_KNOWN_DEVICE;
        }
        if ((f.flags & PSN_FACT_FORGED) == 0) return;
        const auto cookie = wsapi::cookieValue(s.header("cookie"), "bid_class");
        const auto key = keys_.of(Keys::Kind::Session, cookie.value_or(""));
        if (isFile(f.route_class) || !ledger_.isNewForgery(f.prefix_key[0], key, f.now_ns))
            f.flags &= ~PSN_FACT_FORGED;
    }

    /// The filter's own rules: bodies that nobody can read, and the penalty box. After the others,
    /// for one of them may vouch for the client.
    void own(Reader::Out& read, Findings& findings) const {
        auto& f = read.facts;
        if ((f.flags & PSN_FACT_UNPARSED) != 0) {
            psn_verdict v{};
            v.kind = PSN_VERDICT_DENY;
            v.reason = sdk::abi("unparsed");
            panel_.find(panel_.parser(), v, f, findings);
        }
        if (read.boxed_ms == 0) return;
        // Whoever can show that he is somebody else goes on; where people are known to be, only
        // what can wait is stopped.
        const bool familiar = f.priority <= 1 || (f.flags & PSN_FACT_KNOWN_DEVICE) != 0;
        if (familiar || (f.credit != 0 && (f.priority < 3 || isFile(f.route_class)))) return;
        const bool drop = f.credit == 0 && f.strikes >= ledger_.dropAfter();
        psn_verdict v{};
        v.kind = drop ? PSN_VERDICT_DROP : PSN_VERDICT_THROTTLE;
        // A stranger among them is let out for work.
        if (f.credit != 0 && isScripted(f.route_class) && mayChallenge(f)) {
            v.kind = PSN_VERDICT_CHALLENGE;
            v.level = kBoxLevel;
        }
        v.reason = sdk::abi(drop ? std::string_view("strikes") : std::string_view("box"));
        v.key = f.prefix_key[0];
        v.retry_after_ms = read.boxed_ms;
        v.observed = f.strikes;
        v.budget = ledger_.dropAfter();
        panel_.find(panel_.penalty(), v, f, findings);
    }

    /// Strikes and boxes, for what was refused by a rule that acts; monitored ones change nothing.
    void punish(const psn_facts& f, const Findings& findings, const Decision& d,
                std::int64_t now) const {
        if ((f.flags & PSN_FACT_TRUSTED) != 0) return;
        const auto prefix = f.prefix_key[0];
        // Whoever is known to be somebody may be over a limit; the prefix is not struck for it. And
        // whoever verifies at a site's address is judged by what he verifies, and apart: the people
        // who browse from there are not he.
        if (d.kind >= PSN_VERDICT_THROTTLE && d.kind != PSN_VERDICT_SHED && f.priority > 1 &&
            f.route_class != PSN_ROUTE_VERIFY)
            ledger_.strike(prefix, f.credit, now);
        for (const auto& one : findings)
            if (one.acts && one.verdict.box_ms != 0)
                ledger_.box(prefix, f.credit, one.verdict.box_ms, now);
    }

    static bool explains(const Findings& findings) {
        for (const auto& one : findings)
            if (one.verdict.kind >= PSN_VERDICT_DELAY) return true;
        return false;
    }

    sdk::Flow refuse(Context& context, const sdk::FilterStream& s, const Findings& findings,
                     const Decision& d, const psn_challenge* challenge) {
        refused_.add();
        context.refused = true;
        const Finding* by = d.by < 0 ? nullptr : &findings[static_cast<std::size_t>(d.by)];
        if (by != nullptr) context.refused_by = static_cast<std::int32_t>(by->rule);
        if (d.kind == PSN_VERDICT_DROP) {
            s.abort();
            return sdk::Flow::Continue;
        }
        const auto& f = context.read.facts;
        auto a = answerFor(f, d, by == nullptr ? nullptr : &by->verdict, challenge, f.request_key,
                           static_cast<unsigned>(f.request_key & 255));
        for (const auto& cookie : context.cookies) a.headers.emplace_back("Set-Cookie", cookie);
        s.reply(a.status, a.headers, a.body);
        return sdk::Flow::Reply;
    }

    /// The request is gone when observe() is given its facts.
    static void forgetViews(psn_facts& f) {
        f.method = f.path = f.client_address = f.body = {};
        f.args = nullptr;
        f.arg_count = 0;
        f.stream = nullptr;
    }

    /// [control] Wall clocks are set now and then.
    void setWall() {
        wall_ahead_ms_.store(host.wallMs() - host.monotonicNs() / kMs, std::memory_order_relaxed);
    }

    const Options options_;
    const Keys keys_;
    const Routes routes_;
    const Ledger ledger_;
    const wsapi::ClassCookies classes_;
    const Reader reader_;
    Panel panel_;
    Explain explain_;
    Tarpit tarpit_;
    const Latency plain_, with_body_;
    sdk::SipSecret ids_;
    struct alignas(64) NextId : std::atomic<std::uint64_t> {};
    std::array<NextId, 8> next_ids_{};            ///< a loop counts its own
    std::atomic<std::int64_t> wall_ahead_ms_{0};  ///< of the monotonic one
    sdk::Metric tarpitted_, refused_, passed_, stopped_signed_in_;
    std::array<sdk::Metric, 2> put_;  ///< work, mail
    sdk::Metric solved_, none_, shown_signed_in_;
};

}  // namespace persona::antiabuse

PSN_FILTER_PLUGIN(
    persona::antiabuse::AntiAbuse,
    R"({"id":"antiabuse","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-filter"],"sdk":"1.0","hot_swap":true})")
