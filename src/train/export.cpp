#include "train/export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "adapter/adapter_set.h"
#include "adapter/lokr_file.h"
#include "adapter/lycoris_config.h"
#include "adapter/peft_file.h"
#include "adapter/peft_lokr.h"
#include "config/command_line.h"
#include "config/text.h"
#include "config/value.h"
#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "model/model_writer.h"
#include "model/original_layout.h"
#include "model/weight_map.h"
#include "nn/position_table.h"
#include "train/export_source.h"
#include "train/verbs.h"
#include "util/error.h"
#include "util/log.h"
#include "util/progress.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxShardBytes = int64_t{2} << 30;  // no more than this is in memory
constexpr int64_t kMegabyte = 1'000'000;

const std::vector<std::string> kFormats = {"diffusers", "original", "lycoris", "peft"};
const std::map<std::string, at::ScalarType> kDtypes = {
    {"bf16", at::kBFloat16}, {"fp16", at::kHalf}, {"fp32", at::kFloat}};

struct Options {
  ExportRequest request;
  fs::path to;
  std::string format = "diffusers";
  std::optional<at::ScalarType> dtype;  // nothing: as stored
  std::optional<double> strength;       // nothing: as trained
  bool overwrite = false;

  [[nodiscard]] bool merges() const { return format == "diffusers" || format == "original"; }
};

[[noreturn]] void fail(const std::string& text) {
  throw util::ConfigError(fmt::format("export: {}\n\n{}", text, usage()));
}

std::string one_of(const std::string& key, const std::string& value,
                   const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), value) != words.end()) return value;
  const std::string nearest = config::nearest(value, words);
  fail(fmt::format("--{} \"{}\": expected {}{}", key, value, fmt::join(words, ", "),
                   nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
}

void set_option(const std::string& key, const std::string& value, Options& options) {
  static const std::vector<std::string> kKnown = {"from",  "to",       "format",    "model",
                                                  "dtype", "strength", "overwrite", "weights"};
  if (key == "from") {
    options.request.from = value;
  } else if (key == "to") {
    options.to = value;
  } else if (key == "format") {
    options.format = one_of(key, value, kFormats);
  } else if (key == "model") {
    options.request.model = value;
  } else if (key == "weights") {
    options.request.average = one_of(key, value, {"live", "ema"}) == "ema";
  } else if (key == "dtype") {
    options.dtype = kDtypes.at(one_of(key, value, {"bf16", "fp16", "fp32"}));
  } else if (key == "overwrite") {
    options.overwrite = config::boolean_word(value).value_or(false);
  } else if (key == "strength") {
    double strength = 0.0;
    const std::string problem = config::assign(config::Json(value), &strength);
    if (!problem.empty()) fail(fmt::format("--strength \"{}\": expected a number", value));
    options.strength = strength;
  } else {
    const std::string nearest = config::nearest(key, kKnown);
    fail(fmt::format("unknown option --{}{}", key,
                     nearest.empty() ? "" : fmt::format(", did you mean --{}?", nearest)));
  }
}

Options parse(const std::vector<std::string>& args) {
  const config::CommandLine line = config::parse_command_line(args, {"overwrite"});
  if (line.config || line.environment || line.example || !line.dataset_options.empty()) {
    fail("takes no configuration; a run's folder names its model by itself");
  }
  Options options;
  for (const auto& [key, value] : line.options) set_option(key, value, options);
  if (options.request.from.empty()) fail("--from is missing: what is to be exported");
  if (options.to.empty()) fail("--to is missing: the folder to write");
  if (options.strength && !options.merges()) fail("--strength is for merging: diffusers, original");
  options.request.needs_model = options.merges();
  return options;
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path relative =
      fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

// What is replaced must be an earlier export, and nothing that this one reads.
void check_target(const Options& options, const ExportSource& source) {
  const fs::path& to = options.to;
  for (const fs::path& read :
       {source.adapter, source.weights, source.parts.model_folder, source.parts.vae_folder}) {
    if (!read.empty() && lies_in(read, to)) {
      fail(fmt::format("--to {} holds {}, which is to be read; name another folder", to.string(),
                       read.string()));
    }
  }
  if (!fs::exists(to)) return;
  if (!fs::is_directory(to)) fail(fmt::format("--to {}: a file is there", to.string()));
  if (fs::is_empty(to)) return;
  if (!options.overwrite) {
    fail(fmt::format("--to {}: there already; add --overwrite to replace it", to.string()));
  }
  const bool exported = fs::exists(to / "model_index.json") ||
                        fs::exists(to / "model.safetensors") ||
                        fs::exists(to / "model.safetensors.index.json") ||
                        fs::exists(to / adapter::kLokrFile) || fs::exists(to / adapter::kPeftFile);
  if (!exported || fs::exists(to / "run_state.json")) {
    fail(fmt::format("--to {}: not what an export has written; it is not replaced", to.string()));
  }
}

double trained_strength(const fs::path& file) {
  const auto origin = adapter::read_origin(file);
  return origin.lycoris_config ? origin.lycoris_config->value("multiplier", 1.0) : 1.0;
}

// Adapter weights as files, on their own.
adapter::AdapterFiles adapter_files(const Options& options, const ExportSource& source) {
  if (source.adapter.empty()) {
    fail(fmt::format("--format {}: {} holds a whole model, not an adapter", options.format,
                     options.request.from.string()));
  }
  const io::SafetensorsReader reader(source.adapter);
  adapter::Tensors tensors = adapter::read_adapter(source.adapter);
  const at::ScalarType stored = reader.tensor(reader.tensors().begin()->first).scalar_type();
  const at::ScalarType dtype = options.dtype.value_or(stored);
  const bool is_lokr = std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) {
    return entry.first.find(".lokr_") != std::string::npos;
  });
  adapter::AdapterFiles files;
  if (options.format == "lycoris") {
    if (!is_lokr)
      fail(fmt::format("--format lycoris: {} is a LoRA; its layout is peft",
                       source.adapter.string()));
    const auto origin = adapter::read_origin(source.adapter);
    if (!origin.lycoris_config) {
      fail(fmt::format("{}: its metadata have no lycoris_config", source.adapter.string()));
    }
    files = adapter::lokr_files(*origin.lycoris_config, tensors, {});
  } else if (is_lokr) {
    const auto shape = model::read_transformer_config(source.weights);
    auto set = adapter::AdapterSet::from_tensors(tensors, model::module_tree(shape),
                                                 source.adapter.string());
    set.set_multiplier(trained_strength(source.adapter));
    files = adapter::peft_lokr_files(set, dtype, source.weights.string(), {});
  } else {
    const fs::path beside = source.config_dir / adapter::kPeftConfigFile;
    files = adapter::peft_files(nlohmann::ordered_json::parse(io::read_file(beside)), tensors, {});
  }
  for (const auto& [key, value] : reader.metadata()) files.metadata.insert_or_assign(key, value);
  for (auto& [name, value] : files.tensors) value = value.to(dtype);
  return files;
}

// The model's weights by name, the adapter's part added in float32.
class MergedWeights {
 public:
  MergedWeights(const ExportSource& source, std::optional<double> strength)
      : config_(model::read_transformer_config(source.weights)),
        stored_(model::stored_weights(source.weights, config_)) {
    if (source.adapter.empty()) return;
    strength_ = strength.value_or(trained_strength(source.adapter));
    adapters_ = std::make_unique<adapter::AdapterSet>(
        adapter::AdapterSet::from_tensors(adapter::read_adapter(source.adapter),
                                          model::module_tree(config_), source.adapter.string()));
    for (size_t i = 0; i < adapters_->entries().size(); ++i) {
      adapter_of_[adapters_->entries()[i].module_name + ".weight"] = i;
    }
  }

  [[nodiscard]] const model::TransformerConfig& config() const { return config_; }
  [[nodiscard]] at::ScalarType dtype() const { return stored_.at("norm.weight").scalar_type(); }
  [[nodiscard]] size_t num_merged() const { return adapter_of_.size(); }

  [[nodiscard]] at::Tensor get(const std::string& name) const {
    const at::NoGradGuard no_grad;
    const auto weight = stored_.find(name);
    if (weight == stored_.end()) {  // only the table may be missing
      return nn::whole_position_table(config_.pos_embed_max_size, config_.hidden_size, dtype());
    }
    const auto found = adapter_of_.find(name);
    if (found == adapter_of_.end()) return weight->second;
    return adapters_->delta_weight(found->second)
        .mul_(strength_)
        .add_(weight->second.to(at::kFloat));
  }

 private:
  model::TransformerConfig config_;
  std::map<std::string, at::Tensor> stored_;
  std::unique_ptr<adapter::AdapterSet> adapters_;
  std::map<std::string, size_t> adapter_of_;
  double strength_ = 1.0;
};

model::WeightSource diffusers_source(const MergedWeights& weights) {
  model::WeightSource source;
  for (const auto& [name, shape] : model::trained_shapes(weights.config())) {
    source.entries.push_back({name, shape});
  }
  source.entries.push_back(
      {model::kPositionTable, model::weight_shapes(weights.config()).at(model::kPositionTable)});
  source.make = [&weights](const model::NamedShape& entry) { return weights.get(entry.name); };
  return source;
}

void write_model(const Options& options, const ExportSource& source, const fs::path& folder) {
  const MergedWeights weights(source, options.strength);
  model::WeightFiles files;
  files.dtype = options.dtype.value_or(weights.dtype());
  const int64_t bytes =
      model::num_parameters(weights.config()) * static_cast<int64_t>(c10::elementSize(files.dtype));
  util::Progress progress("export", bytes / kMegabyte, "MB", true);
  files.progress = [&](int64_t done, int64_t /*total*/) { progress.update(done / kMegabyte); };
  if (!source.adapter.empty()) {
    util::log::info(fmt::format("merging {} modules of {} into {}", weights.num_merged(),
                                source.adapter.string(), source.weights.string()));
  }
  if (options.format == "original") {
    const auto json = model::original_config_json(weights.config());  // refuses what it cannot hold
    files.base = "model";
    files.max_shard_bytes = std::numeric_limits<int64_t>::max();  // its loader knows one file only
    write_weights(folder,
                  model::original_source(
                      weights.config(), [&](const std::string& name) { return weights.get(name); }),
                  files);
    io::write_atomically(folder / "config.json", json.dump(2) + "\n");
    model::copy_original_parts(source.parts, folder);
  } else {
    files.max_shard_bytes = kMaxShardBytes;
    const fs::path inside = folder / "transformer";
    write_weights(inside, diffusers_source(weights), files);
    io::write_atomically(inside / "config.json",
                         model::transformer_config_json(weights.config()).dump(2) + "\n");
    model::copy_pipeline_parts(source.parts, folder);
  }
  progress.finish();
}

}  // namespace

int run_export(const std::vector<std::string>& args) {
  Options options = parse(args);
  ExportSource source = find_export_source(options.request);
  if (options.format == "peft" && !options.request.needs_model && !source.adapter.empty()) {
    options.request.needs_model = true;  // its layers' full names
    source = find_export_source(options.request);
  }
  check_target(options, source);
  const fs::path aside = options.to.string() + ".tmp";
  fs::remove_all(aside);
  try {
    if (options.merges()) {
      write_model(options, source, aside);
    } else {
      adapter_files(options, source).write(aside);
    }
    if (options.overwrite) fs::remove_all(options.to);
    io::rename_directory(aside, options.to);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(aside, ignored);
    throw;
  }
  util::log::info(fmt::format("exported {} as {} to {}", options.request.from.string(),
                              options.format, options.to.string()));
  return util::kExitDone;
}

}  // namespace omnigen::train
