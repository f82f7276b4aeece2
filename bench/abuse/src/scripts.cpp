#include "bench/abuse/src/scripts.h"

#include <cmath>

namespace persona::abuse {

namespace {

using enum Route;

/// Choices of one activity, all from its seed.
class Chance {
  public:
    explicit Chance(std::uint32_t seed) : state_(mix(seed)) {}
    double unit() {
        state_ = mix(state_);
        return static_cast<double>(state_ >> 11) * 0x1p-53;
    }
    /// Log-normal around `median_ms`: the body of human think times; the tail is cut at 8 medians.
    std::uint32_t think(double median_ms) {
        const double normal =
            std::sqrt(-2 * std::log(unit() + 1e-12)) * std::cos(6.283185307 * unit());
        return static_cast<std::uint32_t>(median_ms * std::min(8.0, std::exp(0.5 * normal)));
    }

  private:
    std::uint64_t state_;
};

void signIn(std::vector<Step>& out, const Record& r, Chance& chance) {
    if (r.flags & kFirstWrong)
        out.push_back({Authenticate, chance.think(2'500), Variant::WrongPassword, true, false});
    out.push_back({Authenticate, chance.think(2'500), Variant::Plain, true, true});
    out.push_back({CertKey, chance.think(150), Variant::Plain, true, false});
    if (chance.unit() < 0.1) out.push_back({InteractionData, 50, Variant::Plain, false, false});
}

void awaitMail(std::vector<Step>& out, Route poll, Route complete, Chance& chance) {
    const int polls = 2 + static_cast<int>(chance.unit() * 3);
    for (int i = 0; i < polls; ++i) out.push_back({poll, 3'000, Variant::Plain, false, false});
    out.push_back({complete, chance.think(1'000), Variant::Plain, true, true});
}

}  // namespace

std::vector<Step> scriptOf(const Record& r) {
    Chance chance(r.seed);
    std::vector<Step> out;
    const auto dialog = [&] {
        out.push_back({SignInView, 0, Variant::Plain, false, false});
        out.push_back({SessionContext, chance.think(200), Variant::Plain, true, false});
        out.push_back({AddressInfo, chance.think(2'000), Variant::Plain, true, false});
    };
    switch (static_cast<Behaviour>(r.behaviour)) {
        case Behaviour::SignIn:
            dialog();
            signIn(out, r, chance);
            break;
        case Behaviour::IncludeOnly:
            out.push_back({IncludeJs, 0, Variant::Plain, false, false});
            out.push_back({SessionContext, chance.think(150), Variant::Plain, true, false});
            break;
        case Behaviour::Reauth:
            out.push_back({SessionContext, 0, Variant::Plain, true, false});
            signIn(out, r, chance);
            break;
        case Behaviour::SignUp:
            dialog();
            out.push_back({StageUser, chance.think(4'000), Variant::Plain, true, false});
            awaitMail(out, UserCreationStatus, CompleteUserCreation, chance);
            break;
        case Behaviour::Reset:
            dialog();
            out.push_back({StageReset, chance.think(1'500), Variant::Plain, true, false});
            awaitMail(out, ResetStatus, CompleteReset, chance);
            break;
        case Behaviour::AddEmail:
            out.push_back({SessionContext, 0, Variant::Plain, true, false});
            out.push_back({StageEmail, chance.think(2'500), Variant::Plain, true, false});
            awaitMail(out, AdditionStatus, CompleteConfirmation, chance);
            break;
        case Behaviour::ChangePassword:
            out.push_back({SessionContext, 0, Variant::Plain, true, false});
            out.push_back({UpdatePassword, chance.think(4'000), Variant::Plain, true, false});
            break;
        case Behaviour::RpVerify:
            out.push_back({Verify, 0, Variant::Good, true, false});
            break;
        case Behaviour::Guess: {
            const bool right = (r.flags & kRightPassword) != 0;
            out.push_back(
                {Authenticate, 0, right ? Variant::Plain : Variant::WrongPassword, true, false});
            break;
        }
        case Behaviour::ReplayWork:
            out.push_back({Authenticate, 0, Variant::ForgedWork, true, false});
            break;
        case Behaviour::Enumerate: {
            static constexpr Route kOracles[] = {HaveEmail, AddressInfo, StageReset};
            const double u = chance.unit();
            out.push_back({kOracles[u < 0.5   ? 0
                                    : u < 0.9 ? 1
                                              : 2],
                           0, Variant::Plain, true, false});
            break;
        }
        case Behaviour::VerifyAbuse:
            out.push_back({Verify, 0, Variant::WrongPassword, true, false});
            break;
        case Behaviour::Bomb:
            out.push_back({SessionContext, 0, Variant::Bomb, true, false});
            break;
        case Behaviour::CacheBust:
            out.push_back({Static, 0, Variant::Bust, true, false});
            break;
        case Behaviour::Discover:
            out.push_back({AddressInfo, 0, Variant::Discover, true, false});
            break;
        case Behaviour::Hit:
        case Behaviour::Stage:
            out.push_back({static_cast<Route>(r.aux % static_cast<std::uint32_t>(Count)), 0,
                           Variant::WrongPassword, true, false});
            break;
        case Behaviour::SlowHead:
        case Behaviour::SlowBody:
        case Behaviour::SlowRead:
            break;
    }
    // A bot that keeps cookies fetches its CSRF token first when it needs one and has none; whether
    // it has is known when its turn comes.
    return out;
}

}  // namespace persona::abuse
