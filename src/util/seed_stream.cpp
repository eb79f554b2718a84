#include "util/seed_stream.h"

#include <cmath>
#include <numbers>
#include <string>

#include "util/hash.h"

namespace omnigen::util {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * counter[0];
    const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

SeedStream::SeedStream(uint64_t seed, std::string_view purpose,
                       std::initializer_list<std::string_view> names, uint64_t draw)
    : draw_(draw) {
  // Lengths make the text unambiguous: ("ab", "c") and ("a", "bc") must differ.
  std::string text = std::to_string(seed) + ':' + std::to_string(purpose.size()) + ':';
  text += purpose;
  for (const std::string_view name : names) {
    text += ':' + std::to_string(name.size()) + ':';
    text += name;
  }
  const uint64_t hash = xxh3_64(text);
  key_ = {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)};
}

void SeedStream::refill() {
  buffer_ = philox4x32({static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32),
                        static_cast<uint32_t>(draw_), static_cast<uint32_t>(draw_ >> 32)},
                       key_);
  ++block_;
  used_ = 0;
}

uint32_t SeedStream::next_u32() {
  if (used_ == 4) refill();
  return buffer_[static_cast<size_t>(used_++)];
}

uint64_t SeedStream::next_u64() {
  const uint64_t low = next_u32();
  return low | static_cast<uint64_t>(next_u32()) << 32;
}

double SeedStream::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1.0p-53;
}

uint64_t SeedStream::below(uint64_t n) {
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  uint64_t value = next_u64();
  while (value >= limit) value = next_u64();
  return value % n;
}

double SeedStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double u1 = (static_cast<double>(next_u32()) + 0.5) * 0x1.0p-32;
  const double u2 = (static_cast<double>(next_u32()) + 0.5) * 0x1.0p-32;
  const double radius = std::sqrt(-2.0 * std::log(u1));
  const double angle = 2.0 * std::numbers::pi * u2;
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

void SeedStream::fill_normal(std::span<float> out) {
  for (float& value : out) value = static_cast<float>(normal());
}

}  // namespace omnigen::util
