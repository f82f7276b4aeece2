#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/URI.h>

#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "host/admin/control_client.h"
#include "host/admin/ctl.h"
#include "host/config/text.h"

/// ctl's half of `aa`.
namespace persona::host::admin {

namespace {

using Poco::JSON::Object;

std::string str(const Object::Ptr& o, const std::string& key) {
    return o->optValue<std::string>(key, "");
}

void showRules(const Poco::JSON::Array::Ptr& rules) {
    std::cout << std::left << std::setw(14) << "rule" << std::setw(14) << "mode" << std::setw(10)
              << "version" << std::setw(18) << "image" << std::setw(12) << "calls" << std::setw(8)
              << "faults" << std::setw(12) << "over budget"
              << "breaker\n";
    for (const auto& item : *rules) {
        const auto& r = item.extract<Object::Ptr>();
        std::cout << std::setw(14) << str(r, "rule") << std::setw(14) << str(r, "mode")
                  << std::setw(10) << str(r, "version") << std::setw(18) << str(r, "image")
                  << std::setw(12) << str(r, "calls") << std::setw(8) << str(r, "faults")
                  << std::setw(12) << str(r, "over_budget") << str(r, "breaker") << "\n";
    }
}

/// Of the words after "aa".
std::string targetOf(const std::vector<std::string>& words) {
    std::string text, encoded;
    for (std::size_t i = 1; i < words.size(); ++i) text += (i == 1 ? "" : " ") + words[i];
    Poco::URI::encode(text, "&=+#%?/", encoded);
    return "/filter?to=antiabuse&words=" + encoded;
}

void showDiff(const Object::Ptr& o) {
    const auto acting = o->getObject("acting"), tried = o->getObject("tried");
    std::cout << str(o, "rule") << ": " << str(acting, "version") << " (" << str(acting, "image")
              << ") acts, " << str(tried, "version") << " (" << str(tried, "image") << ") is "
              << (tried->getValue<bool>("asked") ? "tried" : "not asked any more") << ", "
              << str(tried, "seconds") << " s\n";
    const auto row = [&](const char* name, const char* what) {
        std::cout << "  " << std::left << std::setw(48) << what << str(tried, name) << "\n";
    };
    row("requests", "requests that both judged");
    row("same", "the same verdict");
    row("looser", "it would have been milder");
    row("stricter", "it would have been stricter");
    row("stricter_to_known", "  of these to people and sites that are known");
    row("stricter_and_went_well", "  of these went well: signed in, right links");
    row("faults", "calls that failed");
    row("over_budget", "calls over the budget");
    const auto changes = tried->getObject("changes");
    for (const auto& name : changes->getNames())
        std::cout << "  " << std::setw(48) << name << changes->getValue<std::string>(name) << "\n";
}

/// "aa load RULE [MODULE] [--options FILE] [--shadow TIME]" as the process takes it; empty after a
/// complaint.
std::string loadOf(const std::vector<std::string>& words) {
    Object q;
    q.set("do", words[1]);
    q.set("id", words[2]);
    for (std::size_t i = 3; i < words.size(); ++i) {
        if (words[i] == "--options") {
            std::ifstream in(words[++i]);
            std::stringstream text;
            text << in.rdbuf();
            if (!in || text.str().empty()) {
                std::cerr << words[i] << " cannot be read, or is empty\n";
                return "";
            }
            q.set("options", text.str());
        } else if (words[i] == "--shadow") {
            const auto ms = config::parseDuration(words[++i]);
            if (!ms) {
                std::cerr << "--shadow: expected a time such as 60s\n";
                return "";
            }
            q.set("shadow_ms", static_cast<Poco::Int64>(*ms));
        } else if (q.has("module")) {
            std::cerr << kCtlUsage;
            return "";
        } else {
            q.set("module", words[i]);
        }
    }
    std::ostringstream body;
    q.stringify(body);
    return body.str();
}

}  // namespace

int abuseCommand(const std::vector<std::string>& words, bool json, const std::string& socket) {
    if (words.size() < 2) return complain(kUsage, kCtlUsage);
    const auto& verb = words[1];
    const bool trial = verb == "load" || verb == "diff" || verb == "commit" || verb == "abort";
    if (trial && (words.size() < 3 || (verb != "load" && words.size() > 3)))
        return complain(kUsage, kCtlUsage);
    const auto body = trial ? loadOf(words) : std::string();
    if (trial && body.empty()) return kUsage;
    const auto result = trial ? askSocket(socket, "POST", "/heuristic", body)
                              : askSocket(socket, "POST", targetOf(words));
    if (result.status == 0)
        return complain(kNotReached,
                        socket + ": " + result.detail +
                            "; does the process run, and may this user use the socket?");
    try {
        const auto parsed = Poco::JSON::Parser().parse(result.body);
        const bool shown = result.status == 200 && (verb == "list" || trial);
        if (json || (result.status == 200 && !shown)) {
            std::cout << result.body;
        } else if (verb == "commit" && parsed.extract<Object::Ptr>()->has("ok")) {
            showOutcome(parsed.extract<Object::Ptr>());
        } else if (result.status != 200) {
            return complain(kRefused, str(parsed.extract<Object::Ptr>(), "error"));
        } else if (verb == "list") {
            showRules(parsed.extract<Poco::JSON::Array::Ptr>());
        } else {
            showDiff(parsed.extract<Object::Ptr>());
        }
    } catch (const Poco::Exception& e) {
        return complain(kNotReached, socket + " gave an answer that is none: " + e.displayText());
    }
    return result.status == 200 ? kDone : kRefused;
}

}  // namespace persona::host::admin
