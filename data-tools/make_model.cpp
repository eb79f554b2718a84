// omnigen-cache make-model: a model folder with random weights, in the layout of the published one.
#include <fmt/format.h>

#include <filesystem>

#include "arguments.h"
#include "io/atomic_file.h"
#include "model/model_writer.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"
#include "util/log.h"
#include "util/progress.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kSizes = {"tiny", "quickstart", "small", "omnigen-v1"};

model::TransformerConfig transformer_of(int64_t hidden, int64_t heads, int64_t intermediate,
                                        int64_t layers) {
  const auto published = model::TransformerConfig::omnigen_v1();
  model::TransformerConfig config = published;
  config.hidden_size = hidden;
  config.num_attention_heads = heads;
  config.num_key_value_heads = heads;
  config.intermediate_size = intermediate;
  config.num_layers = layers;
  // The published factors, evenly thinned to half the width of a head.
  const int64_t count = hidden / heads / 2;
  const auto thinned = [&](const std::vector<double>& factors) {
    std::vector<double> chosen;
    for (int64_t i = 0; i < count; ++i) {
      chosen.push_back(factors[static_cast<size_t>(i * std::ssize(factors) / count)]);
    }
    return chosen;
  };
  config.rope_short_factor = thinned(published.rope_short_factor);
  config.rope_long_factor = thinned(published.rope_long_factor);
  return config;
}

model::AutoencoderConfig vae_of(std::vector<int64_t> channels, int64_t groups) {
  model::AutoencoderConfig config;
  config.block_out_channels = std::move(channels);
  config.norm_num_groups = groups;
  return config;
}

model::RandomModel random_model(model::TransformerConfig transformer,
                                model::AutoencoderConfig autoencoder) {
  model::RandomModel random;
  random.transformer = std::move(transformer);
  random.autoencoder = std::move(autoencoder);
  return random;
}

model::RandomModel model_of(const std::string& size) {
  if (size == "tiny")
    return random_model(transformer_of(64, 4, 160, 2), vae_of({8, 16, 16, 16}, 4));
  if (size == "quickstart") {
    model::RandomModel random =
        random_model(transformer_of(256, 4, 688, 6), vae_of({16, 32, 64, 64}, 8));
    random.transformer.pos_embed_max_size = 32;  // pictures of up to 512 pixels
    random.autoencoder.layers_per_block = 1;
    return random;
  }
  if (size == "small") {
    return random_model(transformer_of(768, 12, 2048, 8), vae_of({32, 64, 128, 128}, 16));
  }
  return random_model(model::TransformerConfig::omnigen_v1(), {});
}

// The tokenizer of the quickstart: in the work tree that this program was built in, or the one it
// is started in.
fs::path find_tokenizer(const std::string& given) {
  std::vector<fs::path> places;
  if (!given.empty()) {
    places = {given};
  } else {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const fs::path& root : {fs::path("."), program.parent_path(), program}) {
      places.push_back(root / "config/quickstart/tokenizer");
    }
  }
  std::string tried;
  for (const fs::path& place : places) {
    if (fs::exists(place / "tokenizer.json")) return place;
    tried += "\n  " + fs::absolute(place).string();
  }
  throw util::DataError("no tokenizer.json in any of these folders:" + tried +
                        "\ngive one with --tokenizer DIR");
}

void copy_files(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from)) {
    if (!entry.is_regular_file()) continue;
    io::write_atomically(to / entry.path().filename(), io::read_file(entry.path()));
  }
}

// Rows for every id of the tokenizer, and its own token where a batch would be filled up.
void fit_vocabulary(const fs::path& tokenizer, model::TransformerConfig& config) {
  constexpr int64_t kRows = 64;  // a multiple of these, as published
  const tokenizer::Tokenizer ids(tokenizer / "tokenizer.json");
  config.vocab_size = (ids.num_ids() + kRows - 1) / kRows * kRows;
  config.pad_token_id = ids.token_id("<|endoftext|>").value_or(config.pad_token_id);
}

}  // namespace

int run_make_model(comm::Job& job, const Arguments& arguments) {
  const ParsedArguments parsed = parse_arguments(
      arguments, {"output", "size", "seed", "dtype", "tokenizer", "scheme", "vae"}, 0, 0);
  if (job.rank() != 0) return util::kExitDone;
  const fs::path output = parsed.option("output", "");
  if (output.empty()) throw util::ConfigError("make-model needs --output DIR");
  if (fs::exists(output / "model_index.json")) {
    throw util::ConfigError(
        fmt::format("{} holds a model already; remove it or give another "
                    "--output",
                    fs::absolute(output).string()));
  }
  const std::string size = parsed.choice("size", "quickstart", kSizes);
  model::RandomModel model = model_of(size);
  model.seed = static_cast<uint64_t>(parsed.number("seed", 42, 0));
  const std::string dtype = parsed.choice("dtype", "bf16", {"bf16", "fp32"});
  const std::string scheme = parsed.choice("scheme", "plausible", {"plausible", "scratch"});
  model.scheme =
      scheme == "scratch" ? model::RandomScheme::kScratch : model::RandomScheme::kPlausible;
  const fs::path tokenizer = find_tokenizer(parsed.option("tokenizer", ""));
  model.transformer_files.dtype = dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  std::unique_ptr<util::Progress> progress;
  model.transformer_files.progress = [&](int64_t done, int64_t total) {
    if (!progress) {
      progress = std::make_unique<util::Progress>("writing weights", total / 1000, "kB", true);
    }
    progress->update(done / 1000);
  };
  fit_vocabulary(tokenizer, model.transformer);
  const fs::path vae = parsed.option("vae", "");
  copy_files(tokenizer, output / "tokenizer");
  if (!vae.empty()) {
    model::AutoencoderConfig::from_file(vae / "config.json");  // one that can be used
    copy_files(vae, output / "vae");
    model.with_autoencoder = false;
  }
  model::write_random_model(output, model);
  progress.reset();
  util::log::info(fmt::format("model of size {} in {}: hidden {}, {} layers, random weights, {}",
                              size, fs::absolute(output).string(), model.transformer.hidden_size,
                              model.transformer.num_layers, dtype));
  return util::kExitDone;
}

}  // namespace omnigen::tools
