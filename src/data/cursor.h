// A position in the endless stream of training samples, saved and restored exactly.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace omnigen::data {

// One way of cutting (the rest of) an epoch into global batches. A resume with another global batch
// adds one.
struct Cut {
  int64_t global_batch = 0;  // E, samples
  int64_t open = 0;          // samples of the batch that was already open when this cut began
  int64_t taken = 0;         // samples drawn under this cut
  bool operator==(const Cut&) const = default;
};

struct Cursor {
  int64_t epoch = 0;  // from 0
  std::vector<Cut> cuts;
  int64_t samples_seen = 0;  // in the whole run
  bool operator==(const Cursor&) const = default;

  // Samples of the current epoch that were drawn already.
  [[nodiscard]] int64_t taken_in_epoch() const;
};

void to_json(nlohmann::json& json, const Cursor& cursor);
// Errors: nlohmann::json::exception.
void from_json(const nlohmann::json& json, Cursor& cursor);

}  // namespace omnigen::data
