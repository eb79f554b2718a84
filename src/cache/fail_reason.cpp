#include "cache/fail_reason.h"

#include <array>
#include <utility>

namespace omnigen::cache {
namespace {

constexpr std::array<std::pair<FailReason, std::string_view>, 9> kTexts = {{
    {FailReason::kNone, "none"},
    {FailReason::kZeroBytes, "zero_bytes"},
    {FailReason::kUnreadable, "unreadable"},
    {FailReason::kNotAnImage, "not_an_image"},
    {FailReason::kTruncated, "truncated"},
    {FailReason::kTooLarge, "too_large"},
    {FailReason::kNotFinite, "latent_not_finite"},
    {FailReason::kOutOfMemory, "out_of_memory"},
    {FailReason::kChanged, "changed_while_encoding"},
}};

}  // namespace

std::string_view reason_text(FailReason reason) {
  for (const auto& [code, text] : kTexts) {
    if (code == reason) return text;
  }
  return "unknown";
}

FailReason reason_from_text(std::string_view text) {
  for (const auto& [code, known] : kTexts) {
    if (known == text) return code;
  }
  return FailReason::kNotAnImage;
}

bool worth_retrying(FailReason reason) {
  return reason == FailReason::kUnreadable || reason == FailReason::kOutOfMemory ||
         reason == FailReason::kChanged;
}

}  // namespace omnigen::cache
