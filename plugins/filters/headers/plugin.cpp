#include <persona/sdk/filter.hpp>

#include <algorithm>

/// Fields that every answer should have, by route: transport security, sniffing, frames, referrers,
/// and which origins may read an answer. What a role said itself stays as it is.
namespace persona::filters {

class Headers final : public sdk::Filter {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service; Strict-Transport-Security is sent when it is https",
                        PSN_OPT_REQUIRED),
            sdk::option("hsts", PSN_OPT_DURATION, "365d", "of Strict-Transport-Security; 0: never",
                        0, 0, 10LL * 365 * 86'400'000),
            sdk::option("hsts_subdomains", PSN_OPT_BOOL, "true", "with includeSubDomains"),
            sdk::option("nosniff", PSN_OPT_BOOL, "true", "X-Content-Type-Options: nosniff"),
            sdk::option("referrer", PSN_OPT_STRING, "strict-origin-when-cross-origin",
                        "value of Referrer-Policy; empty: none"),
            sdk::option("frames", PSN_OPT_MAP, "",
                        "X-Frame-Options by path: DENY, SAMEORIGIN or none; /a/* is a prefix"),
            sdk::option("cors", PSN_OPT_MAP, "",
                        "Access-Control-Allow-Origin by path: an origin, * or none")};
    }

    Headers(const psn_host* h, const psn_config* c)
        : Filter(h, c),
          frames_(rules("frames", {"DENY", "SAMEORIGIN"})),
          cors_(rules("cors", {})),
          nosniff_(config.flag("nosniff")),
          referrer_(config.str("referrer")) {
        const auto url = config.str("public_url");
        if (url.rfind("https://", 0) != 0 || config.num("hsts") == 0) return;
        hsts_ = "max-age=" + std::to_string(config.num("hsts") / 1'000);
        if (config.flag("hsts_subdomains")) hsts_ += "; includeSubDomains";
    }

    sdk::Flow onResponseHeaders(Context&, const sdk::FilterStream& s) {
        const auto add = [&](std::string_view name, std::string_view value) {
            if (!value.empty() && s.responseHeader(name).empty()) s.setResponseHeader(name, value);
        };
        add("Strict-Transport-Security", hsts_);
        if (nosniff_) add("X-Content-Type-Options", "nosniff");
        add("Referrer-Policy", referrer_);
        if (frames_.empty() && cors_.empty()) return sdk::Flow::Continue;
        const auto path = s.path();
        add("X-Frame-Options", find(frames_, path));
        const auto origin = find(cors_, path);
        if (origin.empty() || !s.responseHeader("Access-Control-Allow-Origin").empty())
            return sdk::Flow::Continue;
        s.setResponseHeader("Access-Control-Allow-Origin", origin);
        if (origin != "*") s.addResponseHeader("Vary", "Origin");
        return sdk::Flow::Continue;
    }

  private:
    struct Rule {
        std::string path;
        bool prefix;
        std::string value;
    };
    /// The more exact and longer ones first, so that the first that fits is the right one.
    [[nodiscard]] std::vector<Rule> rules(std::string_view option,
                                          const std::vector<std::string>& allowed) const {
        std::vector<Rule> out;
        for (const auto& [path, value] : config.items(option)) {
            const bool prefix = !path.empty() && path.back() == '*';
            const bool known = value == "none" || allowed.empty() ||
                               std::find(allowed.begin(), allowed.end(), value) != allowed.end();
            const bool origin = !allowed.empty() || value == "none" || value == "*" ||
                                value.rfind("https://", 0) == 0 || value.rfind("http://", 0) == 0;
            if (path.empty() || path.front() != '/')
                throw std::runtime_error(std::string(option) + ": expected a path such as /a or " +
                                         "/a/*, got \"" + path + "\"");
            if (!known || !origin)
                throw std::runtime_error(std::string(option) + "." + path + ": unusable value \"" +
                                         value + "\"");
            out.push_back({prefix ? path.substr(0, path.size() - 1) : path, prefix, value});
        }
        std::stable_sort(out.begin(), out.end(), [](const Rule& a, const Rule& b) {
            return a.prefix != b.prefix ? !a.prefix : a.path.size() > b.path.size();
        });
        return out;
    }
    static std::string_view find(const std::vector<Rule>& rules, std::string_view path) {
        for (const auto& r : rules)
            if (r.prefix ? path.substr(0, r.path.size()) == r.path : path == r.path)
                return r.value == "none" ? std::string_view() : std::string_view(r.value);
        return {};
    }
    const std::vector<Rule> frames_, cors_;
    const bool nosniff_;
    const std::string referrer_;
    std::string hsts_;
};

}  // namespace persona::filters

PSN_FILTER_PLUGIN(
    persona::filters::Headers,
    R"({"id":"headers","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-filter"],"sdk":"1.0"})")
