#include "host/admin/commands.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <sstream>

#include "host/admin/ctl.h"
#include "host/bridge/service.h"

namespace persona::host::admin {

namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

std::string text(const Object& object) {
    std::ostringstream out;
    object.stringify(out);
    return out.str() + "\n";
}

std::string refusal(const std::string& why, Exit exit) {
    Object o(Poco::JSON_PRESERVE_KEY_ORDER);
    o.set("ok", false);
    o.set("error", why);
    o.set("exit", static_cast<int>(exit));
    return text(o);
}

/// What was asked, and who answers it.
struct Wanted {
    std::vector<std::string> words;
    bool json = false;
    bridge::Service* service = nullptr;
    std::size_t index = 0, name_words = 0;
    std::string also;  ///< another service that offers the same

    [[nodiscard]] const bridge::CommandInfo& info() const { return service->commands()[index]; }
    [[nodiscard]] std::vector<std::string> arguments() const {
        return {words.begin() + static_cast<std::ptrdiff_t>(name_words), words.end()};
    }
};

/// How many of `words` are the name `name`; 0: it is another one.
std::size_t matched(const std::vector<std::string>& words, const std::string& name) {
    std::istringstream in(name);
    std::size_t n = 0;
    for (std::string word; in >> word; ++n)
        if (n == words.size() || words[n] != word) return 0;
    return n;
}

void find(bridge::Runtime& runtime, Wanted& w) {
    for (const auto& [id, service] : runtime.services)
        for (std::size_t i = 0; i < service->commands().size(); ++i) {
            const auto n = matched(w.words, service->commands()[i].name);
            if (n == 0 || n < w.name_words) continue;
            w.also = n == w.name_words ? id : "";
            if (n > w.name_words) {
                w.service = service.get();
                w.index = i;
                w.name_words = n;
            }
        }
}

bool parse(const std::string& request, Wanted& w) {
    try {
        const auto o = Poco::JSON::Parser().parse(request).extract<Object::Ptr>();
        for (const auto& word : *o->getArray("words"))
            w.words.push_back(word.extract<std::string>());
        w.json = o->optValue("json", false);
        return !w.words.empty();
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace

std::string Commands::list() const {
    Array all;
    for (const auto& [id, service] : runtime_.services)
        for (const auto& c : service->commands()) {
            Object one(Poco::JSON_PRESERVE_KEY_ORDER);
            one.set("service", id);
            one.set("name", c.name);
            one.set("arguments", c.arguments);
            one.set("help", c.help);
            one.set("changes", c.changes);
            all.add(one);
        }
    Object o;
    o.set("commands", all);
    return text(o);
}

void Commands::run(const std::string& request, const std::string& from, const Done& done) {
    auto w = std::make_shared<Wanted>();
    if (!parse(request, *w))
        return done(400, refusal(R"(expected {"words":[...],"json":true or false})", kUsage));
    find(runtime_, *w);
    if (w->service == nullptr)
        return done(404, refusal("no command '" + w->words.front() +
                                     "' in this process; persona-host ctl help lists them",
                                 kUsage));
    const auto& info = w->info();
    if (!w->also.empty())
        return done(409, refusal("'" + info.name + "' is offered by " + w->service->id() + " and " +
                                     w->also + " in this process",
                                 kRefused));
    const auto given = w->arguments().size();
    if (given < info.min_arguments || given > info.max_arguments)
        return done(400, refusal("expected: " + info.name +
                                     (info.arguments.empty() ? "" : " " + info.arguments),
                                 kUsage));
    auto* executor = runtime_.executor("");
    const bool queued = executor != nullptr && executor->submit([this, w, from, done](bool late) {
        if (late) return done(503, refusal("this process is too busy", kNotReached));
        const auto answer = w->service->run(w->index, {w->arguments(), w->json, from});
        const auto& command = w->info();
        // Arguments may be private.
        runtime_.log.write(command.changes ? 3 : 2, "admin",
                           "operator (" + from + ") ran '" + command.name + "' of " +
                               w->service->id() + ": " +
                               (answer.rc == PSN_OK ? "done" : "refused"));
        if (answer.rc != PSN_OK)
            return done(409, refusal(answer.error, answer.rc == PSN_INVALID       ? kUsage
                                                   : answer.rc == PSN_UNREACHABLE ? kNotReached
                                                                                  : kRefused));
        Object o(Poco::JSON_PRESERVE_KEY_ORDER);
        o.set("ok", true);
        o.set("text", answer.text);
        done(200, text(o));
    });
    if (!queued) done(503, refusal("this process is too busy", kNotReached));
}

}  // namespace persona::host::admin
