#include "comm/frame_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace omnigen::comm {
namespace {

constexpr double kLimitSeconds = 10.0;

struct Pair {
  FrameSocket here;
  FrameSocket there;
};

Pair connected_pair() {
  FrameListener listener(/*loopback_only=*/true);
  Pair pair;
  pair.here = FrameSocket::connect("127.0.0.1", listener.port(), kLimitSeconds);
  pair.there = listener.accept(kLimitSeconds);
  return pair;
}

TEST(FrameSocket, FramesKeepTheirBordersAndBytes) {
  Pair pair = connected_pair();
  const std::string binary("a\0b\n", 4);
  ASSERT_TRUE(pair.here.send(binary));
  ASSERT_TRUE(pair.here.send(""));
  ASSERT_TRUE(pair.here.send(std::string(100'000, 'x')));
  EXPECT_EQ(pair.there.receive(kLimitSeconds), binary);
  EXPECT_EQ(pair.there.receive(kLimitSeconds), "");
  EXPECT_EQ(pair.there.receive(kLimitSeconds), std::string(100'000, 'x'));
}

TEST(FrameSocket, NothingSentIsNothingReceived) {
  Pair pair = connected_pair();
  EXPECT_EQ(pair.there.receive(0.01), std::nullopt);
  EXPECT_THAT(pair.there.receive_ready(), testing::IsEmpty());
  EXPECT_TRUE(pair.there.is_open());
}

TEST(FrameSocket, TheEndOfThePeerClosesAfterItsLastFrames) {
  Pair pair = connected_pair();
  ASSERT_TRUE(pair.here.send("one"));
  ASSERT_TRUE(pair.here.send("two"));
  pair.here.close();
  std::vector<std::string> frames;
  while (pair.there.is_open()) {
    for (auto& frame : pair.there.receive_ready()) frames.push_back(std::move(frame));
  }
  EXPECT_THAT(frames, testing::ElementsAre("one", "two"));
}

TEST(FrameSocket, SendingToAPeerThatIsGoneClosesInsteadOfKilling) {
  Pair pair = connected_pair();
  pair.there.close();
  while (pair.here.is_open()) pair.here.send("anybody there?");
  EXPECT_FALSE(pair.here.send("still?"));
}

TEST(FrameSocket, AFrameBeyondAllReasonClosesTheConnection) {
  Pair pair = connected_pair();
  const std::string http = "GET / HTTP/1.1\r\n\r\n";  // its first four bytes are a huge length
  ASSERT_EQ(::send(pair.here.fd(), http.data(), http.size(), 0), std::ssize(http));
  EXPECT_EQ(pair.there.receive(kLimitSeconds), std::nullopt);
  EXPECT_FALSE(pair.there.is_open());
}

TEST(FrameSocket, ConnectingWhereNobodyListensIsAnEmptySocket) {
  uint16_t port = 0;
  { port = FrameListener(/*loopback_only=*/true).port(); }
  EXPECT_FALSE(FrameSocket::connect("127.0.0.1", port, kLimitSeconds).is_open());
  EXPECT_FALSE(FrameSocket::connect("not an address", port, kLimitSeconds).is_open());
}

TEST(FrameSocket, AcceptGivesUpAtItsLimit) {
  FrameListener listener(/*loopback_only=*/true);
  ASSERT_TRUE(listener.is_open());
  EXPECT_FALSE(listener.accept(0.01).is_open());
}

TEST(FrameSocket, OwnAddressesLeaveOutLoopback) {
  EXPECT_THAT(own_addresses(), testing::Each(testing::Not(testing::StartsWith("127."))));
}

}  // namespace
}  // namespace omnigen::comm
