// Time and arithmetic of some steps by part, as a table, JSON, and a trace that chrome://tracing
// and Perfetto open.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/omnigen_transformer.h"
#include "util/profile.h"

namespace omnigen::train {

// The passes a part can belong to. kStep: what is done once a step, such as the optimizer.
enum class Pass { kForward, kBackward, kRecompute, kStep };
inline constexpr size_t kNumPasses = 4;

struct PartCost {
  std::string name;
  std::array<double, kNumPasses> seconds = {};  // of itself, without the parts inside it
  double flop = 0.0;

  [[nodiscard]] double total_s() const;
};

// Largest first. What passes spend outside of parts is "other".
std::vector<PartCost> cost_by_part(const std::vector<util::ThreadSpans>& threads);

// Events of https://ui.perfetto.dev (Trace Event Format, "X"), in microseconds.
std::string chrome_trace(const std::vector<util::ThreadSpans>& threads, int rank);

// What a large product of the model's width reaches here, in FLOP/s.
struct Roof {
  double flops = 0.0;
  std::string what;  // "512x3072x3072 bf16, 2 threads"
};
Roof measure_roof(const model::OmniGenTransformer& transformer);

// Of a step's mean, line by line: the whole, the heading, a line a part.
std::vector<std::string> profile_table(const std::vector<PartCost>& parts, int64_t steps,
                                       const Roof& roof);

// Profiles steps of a run from its second on: the first one makes kernels and buffers.
class StepProfile {
 public:
  struct Options {
    int64_t steps = 0;  // 0: nothing is profiled
    std::filesystem::path folder;
    int rank = 0;
  };
  StepProfile(Options options, const model::OmniGenTransformer& transformer)
      : options_(std::move(options)), transformer_(transformer) {}

  // Around every step. After the last profiled one the files are written: trace_rankR.json by every
  // rank; profile.json and the table in the log by rank 0.
  void before_step();
  void after_step();

 private:
  void write(const std::vector<util::ThreadSpans>& threads) const;

  Options options_;
  const model::OmniGenTransformer& transformer_;
  int64_t steps_seen_ = 0;
};

}  // namespace omnigen::train
