#include "util/hash.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <vector>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::util {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

uint32_t crc_of(const std::string& text) {
  return crc32c(bytes_of(text));
}

// The buffer of xxHash's own sanity test (Cyan4973/xxHash tests/sanity_test.c).
std::string sanity_buffer(size_t size) {
  std::string buffer;
  uint64_t state = 2654435761U;
  for (size_t i = 0; i < size; ++i) {
    buffer += static_cast<char>(state >> 56);
    state *= 11400714785074694797ULL;
  }
  return buffer;
}

// Source: RFC 3720, B.4.
TEST(Crc32c, MatchesRfc3720) {
  std::string rising(32, '\0');
  std::iota(rising.begin(), rising.end(), '\0');
  const std::string falling(rising.rbegin(), rising.rend());
  EXPECT_EQ(crc_of(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc_of(std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(crc_of(rising), 0x46DD794EU);
  EXPECT_EQ(crc_of(falling), 0x113FDB5CU);
  EXPECT_EQ(crc_of("123456789"), 0xE3069283U);
  EXPECT_EQ(crc_of(""), 0U);
}

TEST(Crc32c, ContinuesFromAnyCut) {
  const std::string text = sanity_buffer(100);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t head = crc_of(text.substr(0, cut));
    ASSERT_EQ(crc32c(bytes_of(text.substr(cut)), head), crc_of(text)) << "cut at " << cut;
  }
}

// Source: Cyan4973/xxHash tests/sanity_test_vectors.h, XXH3 64 bits, seed 0; one length per code
// path.
TEST(Xxh3, MatchesKnownAnswers) {
  EXPECT_EQ(xxh3_64(""), 0x2D06800538D394C2U);
  EXPECT_EQ(xxh3_64(sanity_buffer(1)), 0xC44BDFF4074EECDBU);
  EXPECT_EQ(xxh3_64(sanity_buffer(6)), 0x27B56A84CD2D7325U);
  EXPECT_EQ(xxh3_64(sanity_buffer(12)), 0xA713DAF0DFBB77E7U);
  EXPECT_EQ(xxh3_64(sanity_buffer(24)), 0xA3FE70BF9D3510EBU);
  EXPECT_EQ(xxh3_64(sanity_buffer(195)), 0xCD94217EE362EC3AU);
  EXPECT_EQ(xxh3_64(bytes_of(sanity_buffer(2048))), 0xDD59E2C3A5F038E0U);
}

TEST(Xxh3, FileHashEqualsHashOfItsBytes) {
  const test::TempDir dir;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, (size_t{1} << 21) + 17}) {
    const std::string content = sanity_buffer(size);
    std::ofstream(dir / "file", std::ios::binary) << content;
    EXPECT_EQ(xxh3_64_file(dir / "file"), xxh3_64(content)) << size << " bytes";
  }
}

TEST(Xxh3, MissingFileIsADataError) {
  EXPECT_THROW(xxh3_64_file("/nowhere/at/all"), DataError);
}

TEST(Hex64, KeepsLeadingZeros) {
  EXPECT_EQ(hex64(0x1234ABCD), "000000001234abcd");
  EXPECT_EQ(hex64(UINT64_MAX), "ffffffffffffffff");
}

// Source: FIPS 180-4 examples.
TEST(Sha256, MatchesKnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesEqualWhole) {
  Sha256 hash;
  hash.update("a").update("").update(bytes_of("bc"));
  EXPECT_EQ(hash.hex(), sha256_hex("abc"));
}

}  // namespace
}  // namespace omnigen::util
