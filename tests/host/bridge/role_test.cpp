#include <gmock/gmock.h>

#include "host/admin/control_client.h"
#include "tests/host/bridge/host_fixture.h"

/// A role without the SDK, whose exceptions reach the host: they stop at the border.
namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;

/// The echo role, which depends on the raw one that throws in `step`.
void write(const HostUnderTest& t, const std::string& step) {
    t.write("");
    t.change("services: [{id: echo, ", "services: [{id: raw, module: raw_role_" + step +
                                           ".so}, {id: echo, depends_on: [raw], ");
    t.change("upstreams: [", "upstreams: [{name: raw, address: \"inproc:raw\"}, ");
    t.change("listeners: [", "listeners: [{name: raw, address: \"127.0.0.1:0\", service: raw}, ");
}

TEST(RawRole, HealthThatThrowsIsBadHealth) {
    HostUnderTest t;
    write(t, "health");
    ASSERT_EQ(t.start(), "");
    net::testing::RawClient client(t.host->port("raw"));
    client.send("GET /__heartbeat__ HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(HostUnderTest::parse(client.readAll()).status, 500);
    EXPECT_TRUE(t.logHas("an exception left health")) << t.log();
    const auto deep = t.ask("", "", "/__heartbeat__?deep=1");
    EXPECT_EQ(deep.status, 500);
    EXPECT_THAT(deep.body, HasSubstr("raw: an exception left health"));
    EXPECT_EQ(t.ask().status, 200) << "the host is up";
}

TEST(RawRole, AStepOfItsStartThatThrowsIsARefusal) {
    for (const std::string step :
         {"factory", "create", "routes", "activate", "extension", "commands"}) {
        HostUnderTest t;
        write(t, step);
        EXPECT_THAT(t.start(), HasSubstr("an exception left the plugin")) << step;
    }
}

TEST(RawRole, DeactivateThatThrowsDoesNotEndTheProcess) {
    HostUnderTest t;
    write(t, "deactivate");
    ASSERT_EQ(t.start(), "");
    t.stop();
    EXPECT_THAT(t.log(), HasSubstr("an exception left deactivate"));
}

TEST(RawRole, ACommandThatThrowsHasFailed) {
    HostUnderTest t;
    write(t, "command");
    ASSERT_EQ(t.start(), "");
    const auto said =
        admin::askSocket(t.dir + "/ctl.sock", "POST", "/commands", R"({"words":["raw"]})");
    EXPECT_GE(said.status, 400U) << said.body;
    EXPECT_THAT(said.body, HasSubstr("an exception left the plugin"));
    EXPECT_EQ(t.ask().status, 200) << "the host is up";
}

}  // namespace
}  // namespace persona::host::testing
