#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>

#include "bench/abuse/src/jar.h"
#include "bench/abuse/src/message.h"
#include "bench/abuse/src/stub_pool.h"
#include "bench/abuse/src/work.h"

namespace persona::abuse {
namespace {

using State = Reader::State;

TEST(Reader, TakesAMessageInAnyPieces) {
    const std::string text =
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; path=/\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 429 "
        "Too Many Requests\r\nContent-Length: 0\r\n\r\n";
    for (std::size_t size = 1; size < text.size(); ++size) {
        Reader reader(Reader::Kind::Response);
        std::vector<int> seen;
        for (std::size_t at = 0; at < text.size(); at += size) {
            auto state = reader.feed(std::string_view(text).substr(at, size));
            while (state == State::Done) {
                seen.push_back(reader.message().status());
                EXPECT_EQ(reader.message().body, seen.size() == 1 ? "hello" : "");
                state = reader.next();
                if (reader.idle()) break;
            }
            ASSERT_NE(state, State::Bad) << size;
        }
        EXPECT_EQ(seen, (std::vector{200, 429})) << size;
    }
}

TEST(Reader, ReadsChunksAndBodiesThatEndWithTheConnection) {
    Reader chunked(Reader::Kind::Response);
    EXPECT_EQ(
        chunked.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        State::Done);
    EXPECT_EQ(chunked.message().body, "abc");
    Reader open(Reader::Kind::Response);
    EXPECT_EQ(open.feed("HTTP/1.0 200 OK\r\n\r\nab"), State::More);
    EXPECT_EQ(open.end(), State::Done);
    EXPECT_EQ(open.message().body, "ab");
    EXPECT_FALSE(open.message().keep_alive);
}

TEST(Reader, RefusesWhatIsNoMessage) {
    for (const std::string text : {"HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}) {
        Reader reader(Reader::Kind::Response);
        EXPECT_EQ(reader.feed(text), State::Bad) << text;
    }
    Reader long_one(Reader::Kind::Request);
    EXPECT_EQ(long_one.feed("GET / HTTP/1.1\r\n" + std::string(70'000, 'x')), State::Bad);
}

TEST(Jar, KeepsTheLastValueOfEachCookie) {
    Message m;
    m.fields = {
        {"Set-Cookie", "a=1; path=/"}, {"SET-COOKIE", "b=2"}, {"set-cookie", "a=3; httponly"}};
    Jar jar;
    EXPECT_EQ(jar.field(), "");
    jar.take(m);
    EXPECT_EQ(jar.field(), "Cookie: a=3; b=2\r\n");
}

TEST(Pool, QueuesBeforeItsCoresAndTurnsAwayWhatWouldWaitTooLong) {
    Pool pool(2, 1'000);
    EXPECT_EQ(pool.take(0, 600), 600);
    EXPECT_EQ(pool.take(0, 600), 600);
    EXPECT_EQ(pool.take(0, 600), 1'200);
    EXPECT_EQ(pool.take(0, 600), 1'200);
    EXPECT_EQ(pool.take(0, 600), std::nullopt);
    EXPECT_EQ(pool.take(5'000, 10), 5'010);
    EXPECT_EQ(pool.used(), 2'410);
}

constexpr const char* kChallenge = "v1.pbkdf2.10.4.6.1999.1.bind.AAECAwQFBgcICQoLDA0ODw.3.mac";

TEST(Work, ReadsOnlyChallengesOfItsVersion) {
    const auto p = readPuzzle(kChallenge);
    ASSERT_TRUE(p);
    EXPECT_EQ(p->iterations, 10U);
    EXPECT_EQ(p->bits, 6U);
    EXPECT_EQ(p->seed[15], 15);
    EXPECT_TRUE(readPuzzle("v1.s256.1.4.16.1999.1.bind.AAECAwQFBgcICQoLDA0ODw.3.mac"));
    for (const auto* text :
         {"", "mail", "v2.pbkdf2.250.4.6.1999.1.bind.AAECAwQFBgcICQoLDA0ODw.3.mac",
          "v1.pbkdf2.250.4.6", "v1.pbkdf2.250.4.60.1999.1.bind.AAECAwQFBgcICQoLDA0ODw.3.mac",
          "v1.pbkdf2.x.4.6.1.1.b.AAECAwQFBgcICQoLDA0ODw.3.m", "v1.pbkdf2.250.4.6.1.1.b.AAEC.3.m"})
        EXPECT_FALSE(readPuzzle(text)) << text;
}

TEST(Work, ASolutionIsOne) {
    Solver solver;
    bool done = false;
    solver.solve(kChallenge, *readPuzzle(kChallenge), [&](const Solver::Solved& s) {
        done = true;
        ASSERT_TRUE(s.work.starts_with(std::string(kChallenge) + ";n="));
        const auto solution = pow::parseSolution(s.work.substr(s.work.find("n=") + 2));
        ASSERT_TRUE(solution);
        EXPECT_TRUE(pow::isSolved(*readPuzzle(kChallenge), *solution));
        EXPECT_GE(s.calls, 4);
        EXPECT_DOUBLE_EQ(s.calls_a_second, 540'000);
    });
    while (!done) {
        solver.collect();
        std::this_thread::yield();
    }
    EXPECT_EQ(solver.waiting(), 0U);
}

}  // namespace
}  // namespace persona::abuse
