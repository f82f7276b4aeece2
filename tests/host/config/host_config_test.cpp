#include "host/config/host_config.h"

#include <gmock/gmock.h>

#include "host/config/plugin_config.h"
#include "host/config/text.h"

namespace persona::host::config {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kBase[] =
    "listeners:\n"
    "  - {name: web, address: \"127.0.0.1:10002\", service: router}\n"
    "services:\n"
    "  - {id: router, module: router.so}\n";

std::vector<std::string> problemsOf(const std::string& text) {
    auto d = Document::fromText(text, "c.yaml");
    (void)readHostConfig(d, "/plugins");
    return d.problems();
}

struct Bad {
    const char *name, *text, *place, *says;
};
class BadConfig : public ::testing::TestWithParam<Bad> {};

/// The bad line stands below the sound ones, so it is line 5.
TEST_P(BadConfig, isRefusedWithPlaceAndReason) {
    EXPECT_THAT(problemsOf(std::string(kBase) + GetParam().text),
                Contains(AllOf(HasSubstr(GetParam().place), HasSubstr(GetParam().says))));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfig,
    ::testing::Values(
        Bad{"unknownKey", "listner: []\n", "c.yaml:5:1: ", "did you mean 'listeners'?"},
        Bad{"unknownNested", "log: {levl: info}\n", "c.yaml:5:7: ", "did you mean 'level'?"},
        Bad{"twice", "loops: 1\nloops: 2\n", "c.yaml:6:1: ", "stands twice"},
        Bad{"choice", "log: {level: loud}\n", "c.yaml:5:14: ", "loud"},
        Bad{"number", "loops: many\n", "c.yaml:5:8: ", "expected a whole number, got \"many\""},
        Bad{"range", "loops: 257\n", "c.yaml:5:8: ", "out of range (0 to 256)"},
        Bad{"durationWithoutUnit", "drain_timeout: 30\n",
            "c.yaml:5:16: ", "a duration such as 30s"},
        Bad{"durationUnit", "drain_timeout: 30parsecs\n",
            "c.yaml:5:16: ", "a duration such as 30s"},
        Bad{"processIsAPath", "process: ../x\n", "c.yaml:5:10: ", "the names of files"},
        Bad{"processIsHidden", "process: .x\n", "c.yaml:5:10: ", "the names of files"},
        Bad{"processIsEmpty", "process: \"\"\n", "c.yaml:5:10: ", "the names of files"},
        Bad{"lockdown", "lockdown: all\n", "c.yaml:", "expected true or false"},
        Bad{"boolean", "test_open_roles: yes please\n", "c.yaml:5:18: ", "expected true or false"},
        Bad{"listForText", "state_dir: [a]\n", "c.yaml:5:12: ", "got a list"},
        Bad{"textForMap", "log: loud\n", "c.yaml:5:6: ", "log"},
        Bad{"mapForList", "upstreams: {a: b}\n", "c.yaml:5:12: ", "expected a list, got a map"},
        Bad{"environmentMissing", "state_dir: ${env:PERSONA_TEST_NOT_SET}\n",
            "c.yaml:5:12: ", "PERSONA_TEST_NOT_SET"},
        Bad{"fileMissing", "state_dir: ${file:/nonexistent/x}\n",
            "c.yaml:5:12: ", "/nonexistent/x"},
        Bad{"upstreamWithoutAddress", "upstreams: [{name: a}]\n",
            "c.yaml:5:13: ", "needs `address`"},
        Bad{"upstreamScheme", "upstreams: [{name: a, address: \"ftp://x\"}]\n",
            "c.yaml:5:13: ", "ftp://x"},
        Bad{"upstreamSize", "upstreams: [{name: a, address: \"http://h:1\", max_queue: 1KiB}]\n",
            "c.yaml:5:57: ", "a whole number"},
        Bad{"inprocUnknown", "upstreams: [{name: a, address: \"inproc:nobody\"}]\n",
            "c.yaml:5:12: ", "no service 'nobody'"},
        Bad{"adminPublic", "admin: {address: \"0.0.0.0:10022\"}\n",
            "c.yaml:5:8: ", "expected a loopback address"},
        Bad{"executorThreads", "executors: {default: {threads: 0}}\n",
            "c.yaml:5:32: ", "out of range (1 to 1024)"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(HostConfig, soundFileHasDefaults) {
    auto d = Document::fromText(kBase, "c.yaml");
    const auto c = readHostConfig(d, "/plugins");
    EXPECT_THAT(d.problems(), IsEmpty());
    EXPECT_EQ(c.plugin_dir, "/plugins");
    ASSERT_EQ(c.engine.listeners.size(), 1u);
    EXPECT_EQ(c.engine.listeners[0].limits.header_bytes, 16u * 1024);
    ASSERT_EQ(c.executors.size(), 1u);
    EXPECT_EQ(c.executors[0].name, "default");
}

TEST(HostConfig, allProblemsAreReportedAtOnce) {
    EXPECT_GE(
        problemsOf(std::string(kBase) + "loops: many\nlistner: []\ndrain_timeout: 3\n").size(), 3u);
}

TEST(HostConfig, filterFromAModuleMustSayWhatAFaultMeans) {
    EXPECT_THAT(
        problemsOf("services:\n  - {id: a, module: a.so, filters: [{id: f, module: f.so}]}\n"),
        Contains(HasSubstr("on_error")));
}

TEST(HostConfig, openRolesAreForLoopbackAlone) {
    const std::string open =
        "test_open_roles: true\nlisteners:\n  - {name: web, address: \"0.0.0.0:1\", service: a}\n"
        "services:\n  - {id: a, module: a.so}\n";
    EXPECT_THAT(problemsOf(open), Contains(HasSubstr("not on a loopback address")));
}

TEST(HostConfig, notYamlNamesThePlace) {
    EXPECT_THAT(problemsOf("a: [1\nb: {"),
                Contains(AllOf(HasSubstr("c.yaml:"), HasSubstr("not YAML"))));
}

TEST(HostConfig, environmentOverridesTopLevelElseCommon) {
    auto d = Document::fromText(std::string(kBase) + "common: {public_url: a}\n", "c.yaml");
    d.applyEnvironment(
        {{"PERSONA_LOG__LEVEL", "debug"}, {"PERSONA_PUBLIC_URL", "b"}, {"HOME", "/"}},
        topLevelKeys());
    const auto c = readHostConfig(d, "/plugins");
    EXPECT_THAT(d.problems(), IsEmpty());
    EXPECT_EQ(c.log_level, "debug");
    EXPECT_EQ(std::as_const(c.common)["public_url"].Scalar(), "b");
}

psn_str s(const char* text) {
    return {text, std::char_traits<char>::length(text)};
}

const psn_option kOptions[] = {
    {s("public_url"), PSN_OPT_STRING, PSN_OPT_REQUIRED, s(""), s(""), 0, 0,
     s("address of the service")},
    {s("database.driver"), PSN_OPT_ENUM, 0, s("sqlite"), s("sqlite|mysql"), 0, 0,
     s("which database")},
    {s("wait"), PSN_OPT_DURATION, 0, s("10s"), s(""), 1000, 60000, s("how long, ms")},
    {s("limit"), PSN_OPT_SIZE, 0, s("10KiB"), s(""), 0, 0, s("octets")},
    {s("names"), PSN_OPT_LIST, 0, s(""), s(""), 0, 0, s("names")},
    {s("issuers"), PSN_OPT_LIST, 0, s("[a.example, b.example]"), s(""), 0, 0, s("issuers")},
    {s("password"), PSN_OPT_STRING, PSN_OPT_SECRET, s(""), s(""), 0, 0, s("secret")},
};

struct Read {
    std::unique_ptr<PluginConfig> values;
    Document document;
};
Read readOptions(const std::string& own, const std::string& common) {
    auto d = Document::fromText("own:\n  " + own + "\ncommon:\n  " + common + "\n", "p.yaml");
    std::set<std::string> used;
    auto values =
        PluginConfig::read(d, kOptions, std::size(kOptions), std::as_const(d.root())["own"],
                           std::as_const(d.root())["common"], "services[0].config", used);
    finishCommon(d, std::as_const(d.root())["common"], used);
    return {std::move(values), std::move(d)};
}

TEST(PluginOptions, ownWinsOverCommonWinsOverDefault) {
    const auto r =
        readOptions("{wait: 2s}", "{public_url: x, wait: 3s, database: {driver: mysql}}");
    EXPECT_THAT(r.document.problems(), IsEmpty());
    EXPECT_EQ(r.values->find("wait")->number, 2000);
    EXPECT_EQ(r.values->find("database.driver")->text, "mysql");
    EXPECT_EQ(r.values->find("limit")->number, 10 * 1024);
    EXPECT_FALSE(r.values->find("limit")->set);
    EXPECT_EQ(r.values->find("nothing"), nullptr);
}

TEST(PluginOptions, aListHasItsDefaultUnlessOneIsSet) {
    using Items = std::vector<std::pair<std::string, std::string>>;
    const auto unset = readOptions("{}", "{public_url: x}");
    EXPECT_EQ(unset.values->find("issuers")->items, (Items{{"", "a.example"}, {"", "b.example"}}));
    EXPECT_FALSE(unset.values->find("issuers")->set);
    EXPECT_TRUE(unset.values->find("names")->items.empty());
    bool shown = false;
    for (const auto& e : unset.document.effective())
        shown = shown || (e.path == "services[0].config.issuers" &&
                          e.value == "a.example, b.example" && e.origin == "default");
    EXPECT_TRUE(shown) << "as print-config prints it";
    EXPECT_TRUE(
        readOptions("{issuers: []}", "{public_url: x}").values->find("issuers")->items.empty());
    EXPECT_EQ(readOptions("{}", "{public_url: x, issuers: [c]}").values->find("issuers")->items,
              (Items{{"", "c"}}));
}

TEST(PluginOptions, whatIsWrongIsNamed) {
    EXPECT_THAT(readOptions("{}", "{}").document.problems(),
                Contains(HasSubstr("'public_url' is missing")));
    const struct {
        const char *own, *says;
    } kCases[] = {{"{wait: 2}", "a duration"},
                  {"{wait: 2h}", "out of range (1000 to 60000)"},
                  {"{limit: 2kb}", "a size"},
                  {"{names: one}", "a list"},
                  {"{wiat: 2s}", "did you mean 'wait'?"},
                  {"{database: {driver: sqlit}}", "did you mean sqlite?"},
                  {"{database: {drivr: sqlite}}", "did you mean 'database.driver'?"}};
    for (const auto& c : kCases) {
        const auto problems = readOptions(c.own, "{public_url: x}").document.problems();
        EXPECT_THAT(problems, Contains(AllOf(HasSubstr("p.yaml:2:"), HasSubstr(c.says)))) << c.own;
    }
    EXPECT_THAT(readOptions("{}", "{public_url: x, stray: 1}").document.problems(),
                Contains(AllOf(HasSubstr("p.yaml:4:"), HasSubstr("stray"))));
}

TEST(PluginOptions, secretsAreMarked) {
    const auto r = readOptions("{password: hunter2}", "{public_url: x}");
    for (const auto& e : r.document.effective())
        EXPECT_EQ(e.secret, e.path == "services[0].config.password");
}

TEST(Text, unitsAreExactAndDoNotOverflow) {
    EXPECT_EQ(parseDuration("28d"), 28LL * 86'400'000);
    EXPECT_EQ(parseDuration("0"), 0);
    EXPECT_EQ(parseSize("2GiB"), 2LL << 30);
    for (const auto* t : {"", "s", "1", "-1s", "1 s", "1ss", "9223372036854775807d"})
        EXPECT_FALSE(parseDuration(t)) << t;
    for (const auto* t : {"", "KiB", "1KB", "-1B", "9223372036854775807GiB"})
        EXPECT_FALSE(parseSize(t)) << t;
    EXPECT_FALSE(parseDouble("nan"));
    EXPECT_FALSE(parseInt("12x"));
}

}  // namespace
}  // namespace persona::host::config
