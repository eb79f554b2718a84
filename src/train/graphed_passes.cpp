#include "train/graphed_passes.h"

#include <fmt/format.h>

#include <vector>

#include "util/log.h"

namespace omnigen::train {
namespace {

PassInputs copy_of(const PassInputs& inputs) {
  PassInputs copy = inputs;
  copy.each_tensor([](at::Tensor& tensor) { tensor = tensor.clone(); });
  return copy;
}

void copy_into(PassInputs& fixed, const PassInputs& inputs) {
  PassInputs source = inputs;
  std::vector<at::Tensor> values;
  source.each_tensor([&](at::Tensor& tensor) { values.push_back(tensor); });
  auto next = values.begin();
  fixed.each_tensor([&](at::Tensor& tensor) { tensor.copy_(*next++, /*non_blocking=*/true); });
}

}  // namespace

at::Tensor GraphedPasses::run_as_it_is(const PassInputs& inputs, const Pass& pass) {
  at::Tensor losses;
  recorder_.run([&] { losses = pass(inputs); });
  return losses;
}

bool GraphedPasses::record(Recorded& entry, const PassInputs& inputs, const Pass& pass) {
  entry.inputs = copy_of(inputs);
  try {
    entry.recording = recorder_.record([&entry, pass] { entry.losses = pass(entry.inputs); });
  } catch (const c10::Error& error) {
    gave_up_ = true;
    by_sizes_.clear();
    util::log::warn(fmt::format("cuda_graphs: a pass cannot be recorded, going on without: {}",
                                error.what_without_backtrace()));
    return false;
  }
  ++num_recorded_;
  return true;
}

at::Tensor GraphedPasses::run(const PassInputs& inputs, const Pass& pass) {
  if (gave_up_) return run_as_it_is(inputs, pass);
  Recorded& entry = by_sizes_[sizes_key(inputs)];
  if (entry.recording != nullptr) {
    copy_into(entry.inputs, inputs);
  } else if (++entry.seen <= kEager || num_recorded_ >= kMost || !record(entry, inputs, pass)) {
    return run_as_it_is(inputs, pass);
  }
  entry.recording->replay();
  return entry.losses.clone();
}

}  // namespace omnigen::train
