// Hashes of bytes: XXH3 for integrity and keys, CRC-32C for TFRecord and records, SHA-256 for
// fingerprints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace omnigen::util {

uint64_t xxh3_64(std::string_view bytes);
uint64_t xxh3_64(std::span<const std::byte> bytes);
// 16 lower-case hex digits.
std::string hex64(uint64_t value);
// XXH3-64 of a whole file. Errors: DataError if it cannot be read.
uint64_t xxh3_64_file(const std::filesystem::path& path);

// CRC-32C (Castagnoli, RFC 3720), continuing from `crc`.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

// SHA-256 over any number of pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& update(std::string_view bytes);
  Sha256& update(std::span<const std::byte> bytes);
  // 64 lower-case hex digits; ends the stream.
  std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace omnigen::util
