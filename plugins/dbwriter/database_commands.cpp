#include <fstream>

#include "libs/accounts/import.h"
#include "plugins/dbwriter/operator_commands.h"

namespace persona::dbwriter {

namespace {

using protocol::Json;
using sdk::CommandCall;
using sdk::Refusal;

void status(const OperatorPort& port, const CommandCall& call) {
    const auto s = orRefuse(port.maintenance().status());
    const auto* state = s.usable    ? "up to date"
                        : s.pending ? "older than this program: persona-host db migrate"
                                    : "needs a newer program";
    if (call.json()) {
        Json rows = Json::object();
        for (const auto& [table, n] : s.rows) rows.add(table, n);
        call.say(Json::object()
                     .add("engine", s.engine)
                     .add("where", s.where)
                     .add("version", std::int64_t{s.version})
                     .add("needs", std::int64_t{s.needs})
                     .add("known", std::int64_t{s.known})
                     .add("usable", s.usable)
                     .add("pending", s.pending)
                     .add("rows", std::move(rows))
                     .dump() +
                 "\n");
        return;
    }
    call.say("engine     " + s.engine + "\ndatabase   " + s.where + "\nschema     version " +
             std::to_string(s.version) + ", this program knows " + std::to_string(s.known) + ": " +
             state + "\n");
    for (const auto& [table, n] : s.rows)
        call.say("rows       " + table + " " + std::to_string(n) + "\n");
}

void migrate(const OperatorPort& port, const CommandCall& call) {
    const auto steps = orRefuse(port.maintenance().migrate(port.now_ms()));
    if (steps > 0)
        port.writes().events.security(wsapi::Events::Level::Warn, "OPERATOR",
                                      "the database was migrated by the operator, " + call.from());
    call.say(call.json() ? Json::object().add("steps", std::int64_t{steps}).dump() + "\n"
             : steps > 0 ? std::to_string(steps) + " step(s) applied\n"
                         : "nothing was pending\n");
}

void check(const OperatorPort& port, const CommandCall& call) {
    const auto lines = orRefuse(port.maintenance().check());
    if (!lines.empty()) {
        std::string all =
            "the database is not sound; restore it from a backup, or find out what "
            "wrote to it beside dbwriter:";
        for (const auto& line : lines) all += "\n  " + line;
        throw Refusal(all);
    }
    call.say(call.json() ? "{\"sound\":true}\n" : "the database is sound\n");
}

std::string firstLineOf(const std::string& file) {
    std::ifstream in(file);
    std::string line;
    if (!in || !std::getline(in, line))
        throw Refusal(
            file + ": cannot be read, or is empty (expected a password in its first line)",
            PSN_INVALID);
    return line;
}

void import(const OperatorPort& port, const CommandCall& call) {
    accounts::OriginalDatabase source;
    source.host = call.argument(0);
    const auto number = call.argument(1);
    if (number.empty() || number.size() > 5 ||
        number.find_first_not_of("0123456789") != std::string::npos)
        throw Refusal("port: expected a number, got '" + number + "'", PSN_INVALID);
    source.port = static_cast<unsigned>(std::stoul(number));
    source.name = call.argument(2);
    source.user = call.argument(3);
    source.password = call.count() > 4 ? firstLineOf(call.argument(4)) : "";
    const auto& w = port.writes();
    const auto r = orRefuse(accounts::importOriginal(w.writer, source, port.now_ms()));
    std::string text = std::to_string(r.accounts) + " account(s) with " +
                       std::to_string(r.addresses) + " address(es) came over, " +
                       std::to_string(r.present) + " were here already, " + std::to_string(r.idps) +
                       " identity provider(s)";
    for (const auto& [what, times] : r.left_out)
        text += "; left out: " + std::to_string(times) + " x " + what;
    w.events.security(wsapi::Events::Level::Warn, "OPERATOR",
                      "import by the operator, " + call.from() + ": " + text);
    call.say(call.json() ? Json::object().add("report", text).dump() + "\n" : text + "\n");
}

}  // namespace

std::vector<sdk::Command> databaseCommands(const OperatorPort& port) {
    const auto bound = [&](void (*run)(const OperatorPort&, const CommandCall&)) {
        return [port, run](const CommandCall& call) { run(port, call); };
    };
    return {{"db status", "", "engine, version of the schema, rows", 0, 0, false, bound(status)},
            {"db migrate", "", "brings an older schema up to date", 0, 0, true, bound(migrate)},
            {"db check", "", "the engine's check of its files, and of what tables must not hold", 0,
             0, false, bound(check)},
            {"db import", "HOST PORT NAME USER [PASSWORD-FILE]",
             "copies accounts from the MySQL database of an original Persona; may be repeated", 4,
             5, true, bound(import)}};
}

}  // namespace persona::dbwriter
