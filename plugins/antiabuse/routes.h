#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace persona::antiabuse {

/// What a request asks for, and what it may cost; the label is for lines and metrics.
struct Route {
    std::string label;
    std::uint32_t route_class = 0;  ///< PSN_ROUTE_*
    std::uint32_t traits = 0;       ///< PSN_TRAIT_*
};

/// "login" for PSN_ROUTE_LOGIN, and so on: the label of the page.
[[nodiscard]] std::string_view nameOfRoute(std::uint32_t route_class);

/// Routes of the service, from the table of calls (libs/wsapi/endpoints.h): a call that is added
/// there has its class here. Const after construction; [any] thread.
class Routes {
  public:
    /// `verifier_authority`: on which everything is for the verifier (wsapi::verifierAuthority);
    /// empty: none.
    explicit Routes(std::string verifier_authority);
    [[nodiscard]] const Route& find(std::string_view method, std::string_view path,
                                    std::string_view authority, std::string_view scheme) const;
    [[nodiscard]] const std::vector<Route>& all() const { return all_; }

  private:
    std::string verifier_authority_;
    std::vector<Route> all_;
    std::unordered_map<std::string_view, std::size_t> calls_;  ///< "POSTstage_user" -> all_
    std::vector<std::string> names_;
};

}  // namespace persona::antiabuse
