#include "io/event_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bit>
#include <csignal>
#include <cstring>
#include <fstream>
#include <set>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A protobuf message read by its wire format alone, so that field numbers are checked from outside.
class Message {
 public:
  explicit Message(std::string_view bytes) {
    while (!bytes.empty()) {
      const uint64_t key = varint(bytes);
      switch (key & 7) {
        case 0:
          numbers_.emplace(key >> 3, varint(bytes));
          break;
        case 1:
          fields_.emplace(key >> 3, take(bytes, 8));
          break;
        case 2:
          fields_.emplace(key >> 3, take(bytes, varint(bytes)));
          break;
        case 5:
          fields_.emplace(key >> 3, take(bytes, 4));
          break;
        default:
          throw std::runtime_error("unknown wire type");
      }
    }
  }

  [[nodiscard]] bool has(int field) const {
    return fields_.contains(field) || numbers_.contains(field);
  }
  [[nodiscard]] uint64_t number(int field) const {
    return numbers_.contains(field) ? numbers_.find(field)->second : 0;
  }
  [[nodiscard]] std::string bytes(int field) const {
    return has(field) ? fields_.find(field)->second : "";
  }
  [[nodiscard]] Message message(int field) const { return Message(fields_.find(field)->second); }
  [[nodiscard]] std::vector<Message> messages(int field) const {
    std::vector<Message> found;
    const auto [first, last] = fields_.equal_range(field);
    for (auto it = first; it != last; ++it) found.emplace_back(it->second);
    return found;
  }
  [[nodiscard]] float single(int field) const { return fixed<float>(field); }
  [[nodiscard]] double real(int field) const { return fixed<double>(field); }

 private:
  static uint64_t varint(std::string_view& bytes) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(bytes, 1)[0]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }
  static std::string take(std::string_view& bytes, size_t count) {
    if (count > bytes.size()) throw std::runtime_error("message ends early");
    std::string head(bytes.substr(0, count));
    bytes.remove_prefix(count);
    return head;
  }
  template <class Value>
  [[nodiscard]] Value fixed(int field) const {
    Value value{};
    const std::string raw = bytes(field);
    if (raw.size() != sizeof value) throw std::runtime_error("field has another size");
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

  std::multimap<int, std::string> fields_;
  std::multimap<int, uint64_t> numbers_;
};

template <class Integer>
Integer little_endian(const std::string& bytes, size_t at) {
  Integer value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The events of a file whose every frame and CRC is right.
std::vector<Message> read_events(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::vector<Message> events;
  for (size_t at = 0; at < bytes.size();) {
    const auto size = little_endian<uint64_t>(bytes, at);
    EXPECT_EQ(little_endian<uint32_t>(bytes, at + 8), masked_crc32c(bytes.substr(at, 8)));
    const std::string data = bytes.substr(at + 12, size);
    EXPECT_EQ(little_endian<uint32_t>(bytes, at + 12 + size), masked_crc32c(data));
    events.emplace_back(data);
    at += 16 + size;
  }
  return events;
}

// Source: tensorboard 2.21 compat/tensorflow_stub/pywrap_tensorflow.py, masked_crc32c().
TEST(MaskedCrc32c, MatchesTensorBoard) {
  EXPECT_EQ(masked_crc32c("123456789"), 0xC78AB0E5U);
  EXPECT_EQ(masked_crc32c(""), 0xA282EAD8U);
  EXPECT_EQ(masked_crc32c(std::string("\x18\0\0\0\0\0\0\0", 8)), 0x224B7FA3U);
}

TEST(EventWriter, FileNameHasTimeHostProcessAndNumber) {
  const test::TempDir dir;
  const EventWriter writer(dir.path() / "logs" / "project");
  EXPECT_THAT(writer.path().filename().string(),
              MatchesRegex("events\\.out\\.tfevents\\.[0-9]{10}\\..+\\." +
                           std::to_string(::getpid()) + "\\.[0-9]+"));
}

TEST(EventWriter, FirstRecordIsTheVersion) {
  const test::TempDir dir;
  const EventWriter writer(dir.path());
  const auto events = read_events(writer.path());
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].bytes(3), "brain.Event:2");
  EXPECT_NEAR(events[0].real(1), static_cast<double>(std::time(nullptr)), 5.0);
}

TEST(EventWriter, ResumedRunAddsAFile) {
  const test::TempDir dir;
  { EventWriter(dir.path()).scalar("loss", 1, 0.5F); }
  { EventWriter(dir.path()).scalar("loss", 2, 0.4F); }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()), 2);
}

TEST(EventWriter, ScalarIsOneRecordAtOnce) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  writer.scalar("train_loss", 1234567890123, 0.5F);
  const auto events = read_events(writer.path());
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].number(2), 1234567890123U);
  const Message value = events[1].message(5).message(1);
  EXPECT_EQ(value.bytes(1), "train_loss");
  EXPECT_EQ(value.single(2), 0.5F);
}

TEST(EventWriter, ZeroIsWrittenToo) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  writer.scalar("grad_norm", 1, 0.0F);
  EXPECT_TRUE(read_events(writer.path())[1].message(5).message(1).has(2));
}

TEST(EventWriter, ScalarsOfAStepShareARecord) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  writer.scalars(7, {{"a", 1.0}, {"b", 2.0}});
  const auto events = read_events(writer.path());
  ASSERT_EQ(events.size(), 2U);
  const auto values = events[1].message(5).messages(1);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[1].bytes(1), "b");
  EXPECT_EQ(values[1].single(2), 2.0F);
}

TEST(EventWriter, TextIsAStringTensorOfTheTextPlugin) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  writer.text("config", 0, "# größe");
  const Message value = read_events(writer.path())[1].message(5).message(1);
  EXPECT_EQ(value.bytes(1), "config/text_summary");
  EXPECT_EQ(value.message(9).message(1).bytes(1), "text");
  EXPECT_EQ(value.message(8).number(1), 7U);
  EXPECT_EQ(value.message(8).message(2).message(2).number(1), 1U);
  EXPECT_EQ(value.message(8).bytes(8), "# größe");
}

TEST(EventWriter, ImageCarriesSizeAndBytes) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  const std::string png("\x89PNG\0bytes", 10);
  writer.image("cat - 64x32", 5, png, 64, 32);
  const Message image = read_events(writer.path())[1].message(5).message(1).message(4);
  EXPECT_EQ(image.number(1), 32U);
  EXPECT_EQ(image.number(2), 64U);
  EXPECT_EQ(image.number(3), 3U);
  EXPECT_EQ(image.bytes(4), png);
}

TEST(EventWriter, HyperParametersMakeASession) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  writer.hyper_parameters({{"learning_rate", 4e-5}, {"use_ema", true}, {"optimizer", "adamw"}});
  const auto values = read_events(writer.path())[1].message(5).messages(1);
  ASSERT_EQ(values.size(), 3U);
  EXPECT_EQ(values[0].bytes(1), "_hparams_/experiment");
  EXPECT_EQ(values[0].message(9).message(1).bytes(1), "hparams");
  const Message start(values[1].message(9).message(1).bytes(2));
  const auto entries = start.message(3).messages(1);
  ASSERT_EQ(entries.size(), 3U);
  std::map<std::string, Message> by_name;
  for (const Message& entry : entries) by_name.emplace(entry.bytes(1), entry.message(2));
  EXPECT_EQ(by_name.at("learning_rate").real(2), 4e-5);
  EXPECT_EQ(by_name.at("optimizer").bytes(3), "adamw");
  EXPECT_EQ(by_name.at("use_ema").number(4), 1U);
}

TEST(EventWriter, HyperParametersAreAlsoYaml) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  writer.hyper_parameters(
      {{"lr", 4e-5}, {"ema", false}, {"steps", 10000.0}, {"p", "a \"b\"\n\\c"}});
  std::string text;
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    if (entry.is_directory()) text = read_file(entry.path() / "hparams.yml");
  }
  EXPECT_EQ(
      text,
      "\"ema\": false\n\"lr\": 4.0e-05\n\"p\": \"a \\\"b\\\"\\x0a\\\\c\"\n\"steps\": 10000\n");
}

// A record that did not fit is taken back, so that later ones stay readable.
TEST(EventWriter, FailedWriteLeavesWholeRecords) {
  const test::TempDir dir;
  EventWriter writer(dir.path());
  writer.scalar("loss", 1, 0.5F);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = fs::file_size(writer.path()) + 100;
  ::setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    writer.image("cat", 2, std::string(1000, 'x'), 8, 8);
  } catch (const util::Error& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("cannot write " + writer.path().string()));
  writer.scalar("loss", 3, 0.25F);
  const auto events = read_events(writer.path());
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[2].number(2), 3U);
}

TEST(EventWriter, FolderThatCannotBeMadeIsAnError) {
  const test::TempDir dir;
  write_atomically(dir / "file", "x");
  EXPECT_THROW(EventWriter(dir / "file"), util::Error);
}

}  // namespace
}  // namespace omnigen::io
