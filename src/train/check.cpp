// `omnigen-dist check`: what a run would be, without running it.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <map>

#include "cache/vae_identity.h"
#include "config/text.h"
#include "data/discovery.h"
#include "data/share_out.h"
#include "model/omnigen_transformer.h"
#include "train/data_doubts.h"
#include "train/run.h"
#include "train/run_services.h"
#include "train/run_setup.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

class Report {
 public:
  template <class... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    fmt::print("{}\n", fmt::format(text, std::forward<Args>(args)...));
  }
  // Data, weights or a cache that are not there yet.
  void missing(const std::string& text) { missing_.push_back(text); }
  void error(const std::string& text) { errors_.push_back(text); }
  // What `part` throws is missing or wrong; the other parts are looked at all the same.
  template <class Part>
  void attempt(Part part) {
    try {
      part();
    } catch (const util::DataError& error) {
      missing(error.what());
    } catch (const util::Error& found) {
      error(found.what());
    }
  }
  int finish() {
    list("configuration errors", errors_);
    list("missing or out of date", missing_);
    if (!errors_.empty()) {
      say("\n{} configuration error{}: nothing can be trained", errors_.size(),
          errors_.size() == 1 ? "" : "s");
    } else if (!missing_.empty()) {
      say("\n0 configuration errors; {} thing{} to provide before training", missing_.size(),
          missing_.size() == 1 ? "" : "s");
    } else {
      say("\n0 configuration errors, and nothing is missing: this configuration can be trained");
    }
    std::fflush(stdout);
    if (!errors_.empty()) return util::kExitConfig;
    return missing_.empty() ? util::kExitDone : util::kExitData;
  }

 private:
  void list(const char* title, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    say("\n{} ({}):", title, texts.size());
    for (const std::string& text : texts) {
      const auto lines = config::split_words(text, "\n");
      for (size_t i = 0; i < lines.size(); ++i) say("  {}{}", i == 0 ? "- " : "  ", lines[i]);
    }
  }

  std::vector<std::string> errors_;
  std::vector<std::string> missing_;
};

void report_values(const config::LoadResult& loaded, Report& report) {
  for (const std::string& notice : loaded.notices) report.say("{}", notice);
  for (const std::string& warning : loaded.warnings) report.say("{}", warning);
  report.say("\nresolved configuration:");
  for (const auto& [name, value] : loaded.resolved.items()) {
    if (name != "data_backend_config" && name != "lycoris_config" &&
        name != "user_prompt_library") {
      report.say("  {} = {}", name, value.dump());
    }
  }
  for (const std::string& text : loaded.not_acting) report.error(text);
  for (const std::string& text : loaded.errors) report.error(text);
  for (const std::string& text : loaded.missing) report.missing(text);
}

// For the number of ranks that --np names, else for one.
void report_batch(const config::LoadResult& loaded, Report& report) {
  const auto given = loaded.own.find("np");
  const std::string text = given == loaded.own.end() ? "1" : given->second;
  int64_t ranks = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ranks);
  if (error != std::errc() || end != text.data() + text.size() || ranks < 1) {
    throw util::ConfigError(fmt::format("np: \"{}\" is not a number of ranks", text));
  }
  const config::TrainConfig& train = loaded.config.train;
  const data::BatchShape batch{train.train_batch_size, train.gradient_accumulation_steps, ranks};
  report.say("\neffective batch {} = {} per rank x {} ranks x {} accumulation",
             batch.global_batch(), batch.micro_batch, ranks, batch.accumulation);
}

void report_datasets(const config::LoadResult& loaded, Report& report) {
  report.say("\ndata sets:");
  RunData data;
  for (const config::DatasetConfig& dataset : loaded.datasets) {
    report.say("  {} ({}){}: {}", dataset.id, dataset.dataset_type,
               dataset.is_regularisation_data ? ", regularisation" : "",
               dataset.holds_images() ? dataset.instance_data_dir : dataset.cache_dir);
    if (!dataset.is_trained() && !dataset.is_eval()) continue;
    if (is_on_demand(dataset)) {
      report.attempt([&] {
        const auto found = data::discover_images(dataset.instance_data_dir).paths.size();
        report.say("    no cache in {}: {} image files, encoded when they are first drawn",
                   dataset.cache_dir_vae, found);
      });
      continue;
    }
    report.attempt([&] {
      const auto cache = open_cache(loaded, dataset);
      report.say("    cache {}: {} records, {} samples per epoch", dataset.cache_dir_vae,
                 cache->size(), cache->size() * (dataset.repeats + 1));
      if (dataset.is_eval()) {
        data.eval.push_back(cache);
        return;
      }
      const auto masks = open_masks(loaded, dataset, cache);
      if (masks) report.say("    masks of {}: {}", masks->id(), masks->size());
      data.train.push_back({{cache, dataset.repeats}, dataset.is_regularisation_data, masks});
    });
  }
  for (const std::string& doubt : data_doubts(loaded.datasets, data)) report.say("  {}", doubt);
}

// The published size where there are no weights yet.
model::TransformerConfig transformer_shape(const config::Config& config, Report& report) {
  try {
    const auto folder = model_folder(config.model);
    auto shape = model::read_transformer_config(folder);
    report.say("\nmodel: {} (hidden {}, {} layers)", folder.string(), shape.hidden_size,
               shape.num_layers);
    return shape;
  } catch (const util::DataError& error) {
    report.missing(error.what());
  }
  report.say("\nmodel: no weights found; sizes of OmniGen-v1 (hidden 3072, 32 layers)");
  return model::TransformerConfig::omnigen_v1();
}

void report_weights(const config::Config& config, Report& report) {
  const std::filesystem::path folder = config.model.pretrained_model_name_or_path;
  if (!std::filesystem::is_directory(folder)) return;
  // Memory-mapped, and not compacted: nothing of the weights is read.
  model::Placement placement = transformer_placement(config.model, at::kCPU);
  placement.format.reset();
  placement.trained = false;
  report.attempt([&] { model::load_transformer(folder, placement); });
  report.attempt([&] {
    model::load_autoencoder(cache::vae_folder(config.model), vae_placement(config.model, at::kCPU));
  });
  report.attempt([&] { load_tokenizer(folder); });
}

void report_validation(const config::LoadResult& loaded, Report& report) {
  if (loaded.config.validate.validation_disable) return;
  report.attempt([&] {
    const auto prompts = validation_prompts(loaded);
    const auto resolutions = validation_resolutions(loaded.config.validate);
    report.say("\nvalidation: {} prompts at {} sizes", prompts.entries.size(),
               resolutions.items.size());
    for (const auto* texts : {&resolutions.notices, &prompts.notices, &prompts.warnings}) {
      for (const std::string& text : *texts) report.say("  {}", text);
    }
  });
}

void report_trained(const config::Config& config, Report& report) {
  const model::TransformerConfig shape = transformer_shape(config, report);
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  const auto bytes = static_cast<double>(
      model::weight_bytes(shape, transformer_placement(config.model, at::kCPU)));
  report.say("  {} parameters, {:.2f} GiB as {}", model::num_parameters(shape), bytes / kGiB,
             precision_text(config.model));
  if (trains_whole_model(config.model)) {
    report.say(
        "\nwhole model: every weight is trained; a rank holds {:.2f} GiB of gradients and its "
        "share of the optimizer's state",
        4.0 * static_cast<double>(model::num_parameters(shape)) / kGiB);
    return;
  }
  if (config.adapter.lora_type == "lycoris" && !config.adapter.lycoris_config.starts_with("{")) {
    report.say("\nadapter: no lycoris_config");
    return;
  }
  const nn::ModuleTree tree = model::module_tree(shape);
  std::vector<std::string> notices;
  const auto layers = adapter_plan(config.adapter)->plan(tree, &notices);
  std::map<std::string, int64_t> by_shape;
  int64_t num_parameters = 0;
  for (const adapter::PlannedLayer& layer : layers) {
    num_parameters += layer.num_parameters;
    ++by_shape[layer.description];
  }
  report.say("\nadapter: {} modules, {} trained parameters", layers.size(), num_parameters);
  for (const auto& [text, count] : by_shape) report.say("  {} x {}", count, text);
  for (const std::string& notice : notices) report.say("  {}", notice);
}

}  // namespace

int run_check(const std::vector<std::string>& args) {
  const config::LoadResult loaded =
      config::load(args, {config::Purpose::kCheck, comm::environment_variable, {"np"}, {}});
  Report report;
  report_values(loaded, report);
  report_batch(loaded, report);
  report_datasets(loaded, report);
  report.attempt([&] { report_trained(loaded.config, report); });
  report_weights(loaded.config, report);
  report_validation(loaded, report);
  report.attempt([&] { find_services(loaded); });
  return report.finish();
}

}  // namespace omnigen::train
