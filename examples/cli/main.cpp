#include <Poco/Exception.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Util/HelpFormatter.h>
#include <Poco/Util/Option.h>
#include <Poco/Util/OptionProcessor.h>
#include <Poco/Util/OptionSet.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "examples/cli/commands.h"
#include "examples/cli/failure.h"

namespace persona::cli {
namespace {

using Poco::Util::Option;

constexpr const char* kText = R"(
What a browser and the server of a site do, from the command line.

  sign-up EMAIL     makes an account; reads the mail of the service's file transport
  sign-in           signs in again to the account of the state
  certify           makes a key and has it certified for the address
  assert AUDIENCE   signs an assertion for a site, such as http://127.0.0.1:10001
  verify            has the assertion verified, as the site would
  demo [EMAIL]      all of it

Exit codes: 0 done; 1 refused, with the reason; 64 usage; 69 no answer; 74 files; 75 no mail;
76 an answer that makes no sense.
)";

Poco::Util::OptionSet optionSet() {
    Poco::Util::OptionSet out;
    const auto value = [&](const char* name, const char* text, const char* argument) {
        out.addOption(Option(name, "", text, false).argument(argument).repeatable(true));
    };
    // Given twice, the last one counts.
    value("url", "origin of the service (http://127.0.0.1:10002)", "URL");
    value("mail-dir", "where the service's file transport writes (var/mail)", "DIRECTORY");
    value("state", "file for cookies, key and certificate ($HOME/.persona-cli.json)", "FILE");
    value("key", "es256, rs256, rs128, ds256 or ds128 (es256)", "TYPE");
    value("site", "site to sign up for, and of demo (http://127.0.0.1:10001)", "ORIGIN");
    value("ca-file", "PEM of an authority to trust, besides the system's", "FILE");
    value("timeout", "for an answer and for the mail, in seconds (30)", "SECONDS");
    value("lifetime", "of an assertion, in seconds (120); negative: it has expired", "SECONDS");
    value("tamper", "certificate or assertion: spoils it, to see it refused", "WHAT");
    value("verify-audience", "audience for verify, in place of the assertion's", "ORIGIN");
    out.addOption(Option("help", "h", "this text", false));
    return out;
}

std::chrono::seconds seconds(const std::string& name, const std::string& text) {
    std::size_t end = 0;
    int value = 0;
    try {
        value = std::stoi(text, &end);
    } catch (const std::exception&) {
        end = 0;
    }
    if (end == 0 || end != text.size())
        throw Failure(Exit::Usage, "--" + name + ": expected seconds, got " + text);
    return std::chrono::seconds(value);
}

Tamper tamperOf(const std::string& text) {
    if (text == "certificate") return Tamper::Certificate;
    if (text == "assertion") return Tamper::Assertion;
    throw Failure(Exit::Usage, "--tamper: expected certificate or assertion, got " + text);
}

std::string defaultState() {
    const char* home = std::getenv("HOME");
    return std::string(home != nullptr ? home : ".") + "/.persona-cli.json";
}

struct Invocation {
    Settings settings;
    std::string state = defaultState();
    std::vector<std::string> words;  ///< the command and its argument
    bool help = false;
};

Invocation parse(int argc, char** argv) {
    const auto set = optionSet();
    Poco::Util::OptionProcessor processor(set);
    Invocation out;
    std::map<std::string, std::string> values;
    for (int i = 1; i < argc; ++i) {
        std::string name, value;
        const std::string word = argv[i];
        if (processor.process(word, name, value)) {
            if (!name.empty()) values[name] = value;
        } else {
            out.words.push_back(word);
        }
    }
    processor.checkRequired();
    auto& s = out.settings;
    const auto text = [&](const char* name, std::string& target) {
        if (const auto it = values.find(name); it != values.end()) target = it->second;
    };
    text("url", s.url);
    text("mail-dir", s.mail_directory);
    text("state", out.state);
    text("key", s.key);
    text("site", s.site);
    text("ca-file", s.ca_file);
    text("verify-audience", s.verify_audience);
    if (values.contains("timeout")) s.timeout = seconds("timeout", values["timeout"]);
    if (values.contains("lifetime")) s.lifetime = seconds("lifetime", values["lifetime"]);
    if (values.contains("tamper")) s.tamper = tamperOf(values["tamper"]);
    out.help = values.contains("help");
    if (s.timeout.count() <= 0) throw Failure(Exit::Usage, "--timeout must be above 0");
    if (!s.url.starts_with("http://") && !s.url.starts_with("https://"))
        throw Failure(Exit::Usage,
                      "--url: expected an origin such as https://login.example, got " + s.url);
    (void)algorithmOf(s.key);
    return out;
}

void printHelp() {
    const auto set = optionSet();
    Poco::Util::HelpFormatter help(set);
    help.setCommand("persona-cli");
    help.setUsage("[OPTIONS] COMMAND [ARGUMENT]");
    help.setUnixStyle(true);
    help.setWidth(100);
    help.format(std::cout);
    std::cout << kText;
}

void run(const Invocation& invocation) {
    const auto& words = invocation.words;
    const std::string name = words.empty() ? "" : words[0];
    const auto takes = [&](std::size_t least, std::size_t most) {
        if (words.size() - 1 < least || words.size() - 1 > most)
            throw Failure(Exit::Usage,
                          name + ": wrong number of arguments; see persona-cli --help");
    };
    static const std::map<std::string, std::pair<std::size_t, std::size_t>> kArguments = {
        {"sign-up", {1, 1}}, {"sign-in", {0, 0}}, {"certify", {0, 0}},
        {"assert", {1, 1}},  {"verify", {0, 0}},  {"demo", {0, 1}}};
    const auto known = kArguments.find(name);
    if (known == kArguments.end())
        throw Failure(Exit::Usage, (name.empty() ? "which command?" : "unknown command " + name) +
                                       std::string("; see persona-cli --help"));
    takes(known->second.first, known->second.second);

    State state(invocation.state);
    // A new account begins with a new browser.
    if (name == "sign-up" || name == "demo") {
        state.cookies.clear();
        state.password = state.key_pem = state.certificate = state.bundle = state.url = "";
    }
    Commands commands(invocation.settings, state, std::cout);
    if (name == "sign-up") commands.signUp(words[1]);
    if (name == "sign-in") commands.signIn();
    if (name == "certify") commands.certify();
    if (name == "assert") commands.assertTo(words[1]);
    if (name == "verify") commands.verify();
    if (name == "demo")
        commands.demo(words.size() > 1 ? words[1]
                                       : "demo-" + std::to_string(std::time(nullptr)) + "-" +
                                             std::to_string(::getpid()) + "@example.org");
}

int mainOf(int argc, char** argv) {
    try {
        Poco::Net::initializeSSL();
        const auto invocation = parse(argc, argv);
        if (invocation.help)
            printHelp();
        else
            run(invocation);
        return static_cast<int>(Exit::Ok);
    } catch (const Failure& failure) {
        std::cerr << "persona-cli: " << failure.what() << "\n";
        return static_cast<int>(failure.code());
    } catch (const Poco::Exception& e) {
        std::cerr << "persona-cli: " << e.displayText() << "\n";
        return static_cast<int>(Exit::Usage);
    } catch (const std::exception& e) {
        std::cerr << "persona-cli: " << e.what() << "\n";
        return static_cast<int>(Exit::Io);
    }
}

}  // namespace
}  // namespace persona::cli

int main(int argc, char** argv) {
    return persona::cli::mainOf(argc, argv);
}
