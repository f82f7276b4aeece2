#pragma once

#include <cstdint>

namespace persona::abuse {

/// One activity of a trace, 40 octets, little-endian; bench/abuse/py/trace.py writes the same.
/// `label` and `place` never leave the generator but for its own result file.
struct Record {
    std::uint64_t at_us;
    std::uint32_t actor;    ///< whose jar and connections
    std::uint32_t address;  ///< source, host order, in 127.0.0.0/8
    std::uint32_t account;
    std::uint32_t aux;   ///< of the behaviour: route, site, password, kind
    std::uint32_t seed;  ///< of every choice that the activity makes
    std::uint16_t behaviour;
    std::uint8_t label;
    std::uint8_t place;
    std::uint8_t tier;
    std::uint8_t flags;
    std::uint16_t spare;
    std::uint32_t group;  ///< of attacks: which entry of the scenario
};
static_assert(sizeof(Record) == 40);

/// One line of the generator's result file, 48 octets.
struct Result {
    std::uint64_t at_us;
    std::uint32_t latency_us;
    std::uint32_t cost_us;  ///< of the back end, by its own word; 0: never reached it
    std::uint32_t actor;
    std::uint32_t account;
    std::uint32_t activity;  ///< index of the record
    std::uint16_t status;
    std::uint8_t route;
    std::uint8_t verdict;
    std::uint8_t outcome;
    std::uint8_t label;
    std::uint8_t place;
    std::uint8_t flags;
    std::uint32_t group;
    std::uint64_t decision;  ///< BID-AA-Id of the answer; 0: none
};
static_assert(sizeof(Result) == 48);

enum Flag : std::uint8_t {
    kKnownDevice = 1,    ///< holds the device cookie of its account
    kReturning = 2,      ///< holds a session cookie, signed out
    kSignedIn = 4,       ///< holds a session cookie, signed in
    kRightPassword = 8,  ///< of a guess: it is right
    kPatient = 16,       ///< honours Retry-After
    kFirstWrong = 32,    ///< mistypes once
    kStopped = 64,       ///< results only: something stopped this activity before
    kSecondTry = 128,    ///< results only
};

enum class Verdict : std::uint8_t {
    Admitted = 0,    ///< the back end answered
    Refused = 1,     ///< the front said no
    Challenged = 2,  ///< the front asked for work or a mail
    Dropped = 3,     ///< closed without an answer
    TimedOut = 4,
    Served = 5,  ///< the front answered well by itself
    Unsent = 6,  ///< no connection to be had at this end
    /// Ends of activities, on lines whose route is kActivity.
    Finished = 16,
    SignedIn = 17,
    GaveUp = 18,
    CutOff = 19,  ///< the run ended first
};
constexpr std::uint8_t kActivity = 255;

/// What a request came to, by the back end's word (BID-AA-Outcome).
enum class Outcome : std::uint8_t {
    None,
    AuthOk,
    AuthFail,
    AuthUnknown,
    Locked,
    MailSent,
    MailSkipped,
    VerifyOk,
    VerifyBad,
    VerifyBadKey,
    WkHit,
    WkMiss,
    TokenBad,
    TokenOk,
    AddressKnown,
    AddressUnknown,
    Busy
};

enum class Behaviour : std::uint16_t {
    SignIn = 1,
    IncludeOnly,
    Reauth,
    SignUp,
    Reset,
    AddEmail,
    ChangePassword,
    RpVerify,
    Hit = 20,
    Guess,
    Stage,
    Enumerate,
    VerifyAbuse,
    SlowHead,
    SlowBody,
    SlowRead,
    Bomb,
    CacheBust,
    ReplayWork,
    Discover
};

}  // namespace persona::abuse
