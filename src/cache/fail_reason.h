// Why an image has no record. The numbers are stored in shards and never change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace omnigen::cache {

enum class FailReason : uint8_t {
  kNone = 0,
  kZeroBytes = 16,
  kUnreadable = 17,  // permission, I/O
  kNotAnImage = 18,  // unknown format, damaged beyond decoding
  kTruncated = 19,
  kTooLarge = 21,     // more pixels than the decoder is allowed
  kNotFinite = 36,    // the VAE gave NaN or infinity, in float32 too
  kOutOfMemory = 40,  // in the VAE, with one image at a time
  kChanged = 41,      // the file changed or vanished between scan and encoding
};

// "truncated"; the text in index and messages.
std::string_view reason_text(FailReason reason);
// kNotAnImage for an unknown text.
FailReason reason_from_text(std::string_view text);

// Whether the same file may succeed next time without having changed.
bool worth_retrying(FailReason reason);

}  // namespace omnigen::cache
