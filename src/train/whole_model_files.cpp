// What a whole model leaves on disk (class WholeModel).
#include <fmt/format.h>

#include <set>

#include "io/atomic_file.h"
#include "model/model_writer.h"
#include "optim/evaluation_mode.h"
#include "train/state_shards.h"
#include "train/whole_model.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxShardBytes = int64_t{2} << 30;  // no more than this is made at a time

bool belongs_to(const std::string& name, const std::set<std::string>& parameters) {
  for (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0;
       dot = name.rfind('.', dot - 1)) {
    if (parameters.contains(name.substr(0, dot))) return true;
  }
  return false;
}

// The transformer's folder; `make` gives every weight, in the order of definition, the positional
// table last.
void write_transformer(const fs::path& folder, const model::OmniGenTransformer& transformer,
                       const std::function<at::Tensor(const model::NamedShape&)>& make) {
  model::WeightSource source;
  for (const auto& [name, weight] : transformer.named_weights()) {
    source.entries.push_back({name, weight.sizes().vec()});
  }
  const at::Tensor table = transformer.position_table();
  source.entries.push_back({model::kPositionTable, table.sizes().vec()});
  source.make = [&](const model::NamedShape& entry) {
    return entry.name == model::kPositionTable ? table : make(entry);
  };
  model::WeightFiles files;
  files.dtype = transformer.dtype();
  files.max_shard_bytes = kMaxShardBytes;
  write_weights(folder, source, files);
  io::write_atomically(folder / "config.json",
                       model::transformer_config_json(transformer.config()).dump(2) + "\n");
}

// Runs `work`; what it throws, for all ranks to hear of later. A broken connection is not told.
template <class Work>
std::string failure_of(const Work& work) {
  try {
    work();
  } catch (const util::CommError&) {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

}  // namespace

std::string WholeModel::write_live(const fs::path& folder, const optim::Optimizer& optimizer) {
  const optim::EvaluationMode evaluation(optimizer);  // collective
  if (!parts_.group.is_root()) return {};
  return failure_of([&] {
    std::map<std::string, at::Tensor> weights;
    for (const auto& [name, weight] : parts_.transformer.named_weights()) weights[name] = weight;
    write_transformer(folder, parts_.transformer,
                      [&](const model::NamedShape& entry) { return weights.at(entry.name); });
  });
}

// Rank 0 writes; the others tell it their averages, one after another, whatever becomes of its
// files.
std::string WholeModel::write_average(const fs::path& folder, const optim::Ema& ema) {
  const at::NoGradGuard no_grad;
  const std::vector<int> holders = ema_holders();
  size_t next = 0;  // of all parameters
  size_t own = 0;   // of this rank's averages
  const auto tell_next = [&] {
    const int holder = holders[next];
    at::Tensor average = holder == parts_.group.rank()
                             ? ema.shadows()[own++]
                             : at::empty_like(parameters()[next].gradient);
    ++next;
    parts_.group.broadcast(average, holder);
    return average;
  };
  std::string failure;
  if (parts_.group.is_root()) {
    failure = failure_of([&] {
      std::map<std::string, at::Tensor> weights;
      for (const auto& [name, weight] : parts_.transformer.named_weights()) weights[name] = weight;
      write_transformer(folder, parts_.transformer, [&](const model::NamedShape& entry) {
        const bool is_next = next < parameters().size() && parameters()[next].name == entry.name;
        return is_next ? tell_next() : weights.at(entry.name);
      });
    });
  }
  while (next < parameters().size()) tell_next();
  return failure;
}

nlohmann::json WholeModel::write_own(const fs::path& folder, const SavedState& state) const {
  const RankOf rank{parts_.group.rank(), parts_.group.size()};
  TensorMap parameters;
  std::set<std::string> names;
  for (const optim::Parameter& parameter : optimizer_->owned()) {
    parameters[parameter.name] = parameter.value.detach();
    names.insert(parameter.name);
  }
  TensorMap optimizer = state.optimizer.state_dict();
  if (rank.rank > 0) {  // numbers that all ranks share are in rank 0's file
    std::erase_if(optimizer, [&](const auto& entry) { return !belongs_to(entry.first, names); });
  }
  nlohmann::json written;
  written[kParametersBase] = write_shard(folder, kParametersBase, rank, parameters);
  written[kOptimizerBase] = write_shard(folder, kOptimizerBase, rank, optimizer);
  if (state.ema != nullptr) {
    written[kEmaStateBase] = write_shard(folder, kEmaStateBase, rank, state.ema->state_dict());
  }
  return written;
}

void WholeModel::write(const fs::path& folder, const SavedState& state) {
  comm::ProcessGroup& group = parts_.group;
  group.barrier();  // rank 0 has made the folder
  nlohmann::json told;
  told["failure"] = failure_of([&] { told["written"] = write_own(folder, state); });
  const auto add_failure = [&told](const std::string& failure) {
    if (told["failure"].get<std::string>().empty()) told["failure"] = failure;
  };
  add_failure(write_live(folder / kTransformerFolder, state.optimizer));
  if (state.ema != nullptr) add_failure(write_average(folder / kAverageFolder, *state.ema));

  const auto all =
      group.all_gather_bytes(told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (!group.is_root()) return;  // rank 0 ends the save, or the job
  std::map<std::string, std::vector<nlohmann::json>> parts;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const auto heard = nlohmann::json::parse(all[rank]);
    const auto failure = heard.at("failure").get<std::string>();
    if (!failure.empty()) throw util::Error(fmt::format("rank {}: {}", rank, failure));
    for (const auto& [base, part] : heard.at("written").items()) parts[base].push_back(part);
  }
  for (const auto& [base, of_ranks] : parts) write_shard_index(folder, base, of_ranks);
  io::write_atomically(folder / kStateFile, state.training_state.dump(2) + "\n");
}

// All at once: the ranks tell each other their parts while they write, and copies would take the
// memory of a second model.
TrainedWeights::CompleteSave WholeModel::save(CheckpointStore& store, const SavedState& state,
                                              CheckpointKind kind) {
  const auto write_into = [&](const fs::path& folder) { write(folder, state); };
  if (parts_.group.is_root()) {
    return [path = store.save(state.step, write_into, kind)] { return path; };
  }
  write_into(store.aside(state.step, kind));
  return {};
}

fs::path WholeModel::write_result(const fs::path& output_dir, const SavedState& state) {
  const fs::path result = output_dir / "pipeline";
  const fs::path aside = output_dir / "pipeline.tmp";
  const bool is_root = parts_.group.is_root();
  std::string failure;
  if (is_root) failure = failure_of([&] { fs::remove_all(aside); });
  const fs::path weights = aside / kTransformerFolder;
  const std::string unwritten = state.ema != nullptr ? write_average(weights, *state.ema)
                                                     : write_live(weights, state.optimizer);
  if (!is_root) return result;
  if (failure.empty()) failure = unwritten;
  if (failure.empty()) {
    failure = failure_of([&] {
      model::copy_pipeline_parts(parts_.sources, aside);
      fs::remove_all(result);
      io::rename_directory(aside, result);
    });
  }
  if (!failure.empty()) {
    throw util::Error(fmt::format("cannot write {}: {}", result.string(), failure));
  }
  util::log::info(fmt::format("{} holds the {} weights", result.string(),
                              state.ema != nullptr
                                  ? "averaged (use_ema; the live ones are in the last checkpoint)"
                                  : "trained"));
  return result;
}

}  // namespace omnigen::train
