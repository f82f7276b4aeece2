#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libs/discovery/discovery.h"
#include "libs/protocol/verify.h"

/// How the data of tests/data/vectors/README.md is read. Nothing here knows one file's cases.
namespace persona::conformance {

using protocol::Json;

/// A member, or null.
[[nodiscard]] const Json& at(const Json& object, std::string_view name);
[[nodiscard]] bool isTrue(const Json& value);
/// Of a number; `absent` when it is none.
[[nodiscard]] std::int64_t number(const Json& value, std::int64_t absent = 0);
/// `base` with the members of `over` in their place.
[[nodiscard]] Json merged(const Json& base, const Json& over);
/// What names a case in a report: id, name, domain, or the case itself.
[[nodiscard]] std::string labelOf(const Json& c);

/// `reason_match` of README.md; an expectation without a reason is met by any.
[[nodiscard]] bool reasonFits(const std::string& got, const Json& expect);

[[nodiscard]] protocol::KeyOptions keyOptions(const Json& verifier);
/// Members of `verifier` as the library's options. Throws std::runtime_error when own_public_key
/// is no key.
[[nodiscard]] protocol::VerifyOptions verifyOptions(const Json& verifier);
[[nodiscard]] protocol::DiscoveryOptions discoveryOptions(const Json& verifier);

/// A world: domain -> answer of its support document.
class World {
  public:
    World(const Json& world, const Json& unlisted) : world_(world), unlisted_(unlisted) {}
    [[nodiscard]] protocol::Fetched fetch(const std::string& domain,
                                          const std::string& principal) const;
    /// As the port of a Discovery.
    [[nodiscard]] discovery::FetchPort port() const;

  private:
    const Json& world_;
    const Json& unlisted_;
};

/// What was run and what did not come out.
class Report {
  public:
    explicit Report(std::string file) : file_(std::move(file)) {}
    void begin(std::string label) {
        label_ = std::move(label);
        ++cases_;
    }
    void skip() { ++skipped_; }
    /// One comparison of the case that began last; `why` says what was wanted and what came.
    void check(bool good, const std::string& why);
    template <typename T>
    void equal(const T& got, const T& wanted, const std::string& what) {
        check(got == wanted, what + ": wanted " + show(wanted) + ", got " + show(got));
    }
    [[nodiscard]] bool clean() const { return mismatches_ == 0; }
    void print() const;  ///< the line of counts
    [[nodiscard]] std::size_t cases() const { return cases_; }
    [[nodiscard]] std::size_t mismatches() const { return mismatches_; }

  private:
    static std::string show(const std::string& s) { return "\"" + s + "\""; }
    static std::string show(bool b) { return b ? "true" : "false"; }
    static std::string show(std::int64_t n) { return std::to_string(n); }
    static std::string show(const Json& j) { return j.dump(); }
    std::string file_, label_;
    std::size_t cases_ = 0, checks_ = 0, mismatches_ = 0, skipped_ = 0;
};

/// A verifier's JSON answer against an expectation of bundles.json.
void compareVerdict(Report& report, const Json& got, const Json& expect, protocol::Api api);

/// The case's own `verifier` over the defaults.
[[nodiscard]] Json verifierOf(const Json& file, const Json& c);
/// The case's own time, or the file's.
[[nodiscard]] std::int64_t nowOf(const Json& file, const Json& c);
[[nodiscard]] World worldOf(const Json& file, const Json& c);

using Runner = std::function<void(const Json& file, Report& report)>;
void runKeys(const Json&, Report&);
void runJws(const Json&, Report&);
void runBundles(const Json&, Report&);
void runAudiences(const Json&, Report&);
void runWellknown(const Json&, Report&);
void runDiscovery(const Json&, Report&);
void runEmails(const Json&, Report&);
void runRequests(const Json&, Report&);  ///< http_verify, without a socket
void runKeysigner(const Json&, Report&);
void runAddressInfo(const Json&, Report&);
void runBundlesHttp(const Json&, Report&);
void runRequestsHttp(const Json&, Report&);

}  // namespace persona::conformance
