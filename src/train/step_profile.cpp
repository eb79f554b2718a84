#include "train/step_profile.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "config/json_text.h"
#include "io/atomic_file.h"
#include "nn/product.h"
#include "util/log.h"
#include "util/stopwatch.h"

namespace omnigen::train {
namespace {

constexpr double kNanosecond = 1e-9;
constexpr const char* kOther = "other";

bool is_named(const util::SpanRecord& span, const char* name) {
  return std::strcmp(span.name, name) == 0;
}

// The pass that a span opens, if it opens one.
std::optional<Pass> pass_opened_by(const util::SpanRecord& span) {
  if (is_named(span, "forward")) return Pass::kForward;
  if (is_named(span, "backward")) return Pass::kBackward;
  if (is_named(span, "recompute")) return Pass::kRecompute;
  return std::nullopt;
}

double seconds_of(const util::SpanRecord& span) {
  return static_cast<double>(span.end_ns - span.begin_ns) * kNanosecond;
}

// Of a thread that is not the first: what autograd runs on a device's own thread.
void add_thread(const util::ThreadSpans& spans, Pass outside,
                std::map<std::string, PartCost>& parts) {
  std::vector<double> own(spans.size());
  std::vector<Pass> passes(spans.size());
  for (size_t i = 0; i < spans.size(); ++i) {
    const util::SpanRecord& span = spans[i];
    own[i] += seconds_of(span);
    passes[i] = span.parent < 0 ? outside : passes[static_cast<size_t>(span.parent)];
    if (span.parent >= 0) own[static_cast<size_t>(span.parent)] -= seconds_of(span);
    if (const auto opened = pass_opened_by(span)) passes[i] = *opened;
  }
  for (size_t i = 0; i < spans.size(); ++i) {
    PartCost& part = parts[pass_opened_by(spans[i]) ? kOther : spans[i].name];
    part.seconds[static_cast<size_t>(passes[i])] += own[i];
    part.flop += spans[i].flop;
  }
}

std::string dtype_text(at::ScalarType dtype) {
  return dtype == at::kBFloat16 ? "bf16" : dtype == at::kFloat ? "fp32" : c10::toString(dtype);
}

config::Json json_of(const std::vector<PartCost>& parts, int64_t steps, const Roof& roof) {
  config::Json list = config::Json::array();
  const auto count = static_cast<double>(steps);
  for (const PartCost& part : parts) {
    list.push_back({{"part", part.name},
                    {"forward_s", part.seconds[0] / count},
                    {"backward_s", part.seconds[1] / count},
                    {"recompute_s", part.seconds[2] / count},
                    {"once_s", part.seconds[3] / count},
                    {"flop", part.flop / count}});
  }
  return {{"steps", steps}, {"roof_flops", roof.flops}, {"roof", roof.what}, {"parts", list}};
}

}  // namespace

double PartCost::total_s() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

std::vector<PartCost> cost_by_part(const std::vector<util::ThreadSpans>& threads) {
  std::map<std::string, PartCost> parts;
  for (size_t i = 0; i < threads.size(); ++i) {
    add_thread(threads[i], i == 0 ? Pass::kStep : Pass::kBackward, parts);
  }
  std::vector<PartCost> result;
  for (auto& [name, part] : parts) {
    part.name = name;
    result.push_back(part);
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const PartCost& a, const PartCost& b) { return a.total_s() > b.total_s(); });
  return result;
}

std::string chrome_trace(const std::vector<util::ThreadSpans>& threads, int rank) {
  constexpr double kMicroseconds = 1e-3;  // a nanosecond
  config::Json events = config::Json::array();
  for (size_t thread = 0; thread < threads.size(); ++thread) {
    for (const util::SpanRecord& span : threads[thread]) {
      config::Json event = {
          {"name", span.name},
          {"ph", "X"},
          {"ts", static_cast<double>(span.begin_ns) * kMicroseconds},
          {"dur", static_cast<double>(span.end_ns - span.begin_ns) * kMicroseconds},
          {"pid", rank},
          {"tid", thread}};
      if (span.flop > 0) event["args"] = {{"GFLOP", span.flop * 1e-9}};
      events.push_back(std::move(event));
    }
  }
  return config::Json{{"traceEvents", events}, {"displayTimeUnit", "ms"}}.dump() + "\n";
}

Roof measure_roof(const model::OmniGenTransformer& transformer) {
  constexpr int64_t kRows = 512;
  constexpr int kTries = 10;
  const at::NoGradGuard no_grad;
  const int64_t width = transformer.config().hidden_size;
  const auto options = at::TensorOptions().dtype(transformer.dtype()).device(transformer.device());
  const at::Tensor x = at::ones({kRows, width}, options);
  const at::Tensor weight = at::ones({3 * width, width}, options);
  double least_s = std::numeric_limits<double>::max();
  for (int i = 0; i < kTries; ++i) {
    const util::Stopwatch watch;
    const at::Tensor out = nn::product(x, weight, {});
    static_cast<void>(out.flatten()[0].item<double>());  // waits for a device
    least_s = std::min(least_s, watch.elapsed_s());
  }
  const double flop = 2.0 * kRows * static_cast<double>(width) * 3.0 * static_cast<double>(width);
  return {flop / least_s, fmt::format("{}x{}x{} {}, {} threads", kRows, width, 3 * width,
                                      dtype_text(transformer.dtype()), at::get_num_threads())};
}

std::vector<std::string> profile_table(const std::vector<PartCost>& parts, int64_t steps,
                                       const Roof& roof) {
  const auto sum = [&](auto value) {
    return std::accumulate(parts.begin(), parts.end(), 0.0,
                           [&](double total, const PartCost& part) { return total + value(part); });
  };
  const double total_s = sum([](const PartCost& part) { return part.total_s(); });
  const double flop = sum([](const PartCost& part) { return part.flop; });
  const auto count = static_cast<double>(steps);
  std::vector<std::string> lines;
  lines.push_back(
      fmt::format("{:.1f} ms a step, {:.1f} GFLOP/s, {:.0f} % of {:.1f} (a product of {})",
                  1e3 * total_s / count, 1e-9 * flop / total_s, 100 * flop / total_s / roof.flops,
                  1e-9 * roof.flops, roof.what));
  lines.push_back(fmt::format("  {:<16} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>7}",
                              "ms a step", "forward", "backward", "recompute", "once", "share",
                              "GFLOP", "GFLOP/s", "of roof"));
  for (const PartCost& part : parts) {
    std::string line = fmt::format("  {:<16}", part.name);
    for (const double seconds : part.seconds) {
      line +=
          seconds > 0 ? fmt::format(" {:>9.2f}", 1e3 * seconds / count) : fmt::format(" {:>9}", "");
    }
    line += fmt::format(" {:>5.1f} %", 100 * part.total_s() / total_s);
    if (part.flop > 0) {
      const double rate = part.flop / part.total_s();
      line += fmt::format(" {:>9.2f} {:>9.1f} {:>5.0f} %", 1e-9 * part.flop / count, 1e-9 * rate,
                          100 * rate / roof.flops);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

void StepProfile::before_step() {
  ++steps_seen_;
  if (options_.steps == 0 || steps_seen_ != 2) return;
  std::function<void()> barrier;
  if (transformer_.device().is_cuda()) {
    barrier = [probe = at::zeros({1}, transformer_.device())] {
      static_cast<void>(probe.item<float>());
    };
  }
  util::start_profile(std::move(barrier));
}

void StepProfile::after_step() {
  if (options_.steps > 0 && steps_seen_ == options_.steps + 1) write(util::stop_profile());
}

void StepProfile::write(const std::vector<util::ThreadSpans>& threads) const {
  std::filesystem::create_directories(options_.folder);
  io::write_atomically(options_.folder / fmt::format("trace_rank{}.json", options_.rank),
                       chrome_trace(threads, options_.rank));
  if (options_.rank != 0) return;
  const std::vector<PartCost> parts = cost_by_part(threads);
  const Roof roof = measure_roof(transformer_);
  io::write_atomically(options_.folder / "profile.json",
                       json_of(parts, options_.steps, roof).dump(2) + "\n");
  const std::vector<std::string> table = profile_table(parts, options_.steps, roof);
  util::log::info(fmt::format("profile of {} steps, rank 0: {}", options_.steps, table[0]));
  for (size_t i = 1; i < table.size(); ++i) util::log::info(table[i]);
  util::log::info(fmt::format("  trace for chrome://tracing or ui.perfetto.dev: {}",
                              (options_.folder / "trace_rank0.json").string()));
}

}  // namespace omnigen::train
