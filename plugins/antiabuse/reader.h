#pragma once

#include <persona/sdk/filter_stream.hpp>

#include "libs/addresses/prefix_set.h"
#include "libs/wsapi/session_class.h"
#include "plugins/antiabuse/args.h"
#include "plugins/antiabuse/keys.h"
#include "plugins/antiabuse/ledger.h"
#include "plugins/antiabuse/request_fields.h"
#include "plugins/antiabuse/routes.h"

namespace persona::antiabuse {

/// Makes the facts of a request: keys, class, priority, arguments (psn_facts). Const after
/// construction; [loop].
class Reader {
  public:
    Reader(const Keys& keys, const Routes& routes, const Ledger& ledger,
           const addresses::PrefixSet& trusted, const wsapi::ClassCookies& classes)
        : keys_(keys), routes_(routes), ledger_(ledger), trusted_(trusted), classes_(classes) {}

    struct Out {
        psn_facts facts;
        const Route* route;
        std::uint32_t boxed_ms;
        bool under_way;  ///< what a mail of the last hour began
    };
    /// All but the standing of the client. `body`: the whole of it, or empty. `args` and what it
    /// keeps are used by the facts.
    void read(const sdk::FilterStream& stream, std::string_view body, std::int64_t now_ns,
              std::int64_t wall_ms, Args& args, Out& out) const;
    /// What is remembered of the client, and so its priority; after read(), which has asked the
    /// memory for it.
    void readStanding(Out& out) const;

  private:
    void readArgs(const psn_request& request, const RequestFields& fields, std::string_view body,
                  Args& args, psn_facts& f) const;
    void readClass(std::string_view cookies, std::string_view address, std::int64_t wall_ms,
                   psn_facts& f) const;
    const Keys& keys_;
    const Routes& routes_;
    const Ledger& ledger_;
    const addresses::PrefixSet& trusted_;
    const wsapi::ClassCookies& classes_;
};

/// Who is served first (anti-abuse.md 3.1); 0 before 4.
[[nodiscard]] std::uint32_t priorityOf(const psn_facts& facts, bool under_way);

}  // namespace persona::antiabuse
