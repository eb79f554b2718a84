#include "cache/scan_ledger.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::cache {
namespace {

const ScanEntry kEntry{{10, -3}, 640, 480, 6, FailReason::kNone, "", "abcd"};
const ScanEntry kBad{{0, 7}, 0, 0, 1, FailReason::kZeroBytes, "0 bytes", ""};

TEST(ScanLedger, RemembersGoodAndBadFiles) {
  test::TempDir dir;
  ScanLedger ledger = ScanLedger::read(dir / "l.json", "exif");
  ledger.set("a.jpg", kEntry);
  ledger.set("caf\xe9.png", kBad);
  ledger.write(dir / "l.json");
  const ScanLedger found = ScanLedger::read(dir / "l.json", "exif");
  ASSERT_NE(found.find("a.jpg", {10, -3}), nullptr);
  EXPECT_EQ(*found.find("a.jpg", {10, -3}), kEntry);
  EXPECT_EQ(*found.find("caf\xe9.png", {0, 7}), kBad);
}

TEST(ScanLedger, AChangedFileIsUnknown) {
  ScanLedger ledger;
  ledger.set("a.jpg", kEntry);
  EXPECT_EQ(ledger.find("a.jpg", {11, -3}), nullptr);
  EXPECT_EQ(ledger.find("a.jpg", {10, -2}), nullptr);
  EXPECT_EQ(ledger.find("b.jpg", {10, -3}), nullptr);
}

TEST(ScanLedger, KnowsWhetherItChanged) {
  test::TempDir dir;
  ScanLedger ledger;
  ledger.set("a.jpg", kEntry);
  EXPECT_TRUE(ledger.changed());
  ledger.write(dir / "l.json");
  EXPECT_FALSE(ledger.changed());
  ledger.set("a.jpg", kEntry);
  ledger.keep_if([](const std::string&) { return true; });
  EXPECT_FALSE(ledger.changed());
  ledger.keep_if([](const std::string&) { return false; });
  EXPECT_TRUE(ledger.changed());
  EXPECT_EQ(ledger.size(), 0U);
}

TEST(ScanLedger, AnotherPolicyOrADamagedFileIsForgotten) {
  test::TempDir dir;
  ScanLedger ledger = ScanLedger::read(dir / "l.json", "one");
  ledger.set("a.jpg", kEntry);
  ledger.write(dir / "l.json");
  EXPECT_EQ(ScanLedger::read(dir / "l.json", "other").size(), 0U);
  io::write_atomically(dir / "l.json", io::read_file(dir / "l.json").substr(0, 50));
  EXPECT_EQ(ScanLedger::read(dir / "l.json", "one").size(), 0U);
}

TEST(FailReason, TextsReadBack) {
  for (const FailReason reason :
       {FailReason::kNone, FailReason::kZeroBytes, FailReason::kUnreadable, FailReason::kNotAnImage,
        FailReason::kTruncated, FailReason::kTooLarge, FailReason::kNotFinite,
        FailReason::kOutOfMemory, FailReason::kChanged}) {
    EXPECT_EQ(reason_from_text(reason_text(reason)), reason);
  }
}

}  // namespace
}  // namespace omnigen::cache
