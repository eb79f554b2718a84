// omnigen-cache make-model: a model folder with random weights, of any of a few sizes.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "arguments.h"
#include "model/model_writer.h"
#include "util/error.h"
#include "util/log.h"
#include "util/progress.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxQuickstartPositions = 8192;
constexpr double kMiB = 1024.0 * 1024.0;

struct Size {
  const char* name;
  int64_t hidden;
  int64_t heads;
  int64_t intermediate;
  int64_t layers;
  std::array<int64_t, 4> vae_channels;
};

constexpr std::array kSizes = {Size{"tiny", 64, 4, 160, 2, {8, 16, 16, 16}},
                               Size{"quickstart", 256, 4, 640, 6, {16, 32, 32, 32}},
                               Size{"small", 512, 8, 1376, 8, {32, 64, 64, 64}}};

model::RandomModel model_of(const std::string& name) {
  model::RandomModel random;
  if (name == "omnigen-v1") {
    random.transformer = model::TransformerConfig::omnigen_v1();
    return random;
  }
  for (const Size& size : kSizes) {
    if (name != size.name) continue;
    model::TransformerConfig& transformer = random.transformer;
    transformer.hidden_size = size.hidden;
    transformer.num_attention_heads = size.heads;
    transformer.num_key_value_heads = size.heads;
    transformer.intermediate_size = size.intermediate;
    transformer.num_layers = size.layers;
    transformer.max_position_embeddings = kMaxQuickstartPositions;
    const auto half = static_cast<size_t>(transformer.head_dim() / 2);
    transformer.rope_short_factor.assign(half, 1.0);
    transformer.rope_long_factor.assign(half, 2.0);
    random.autoencoder.block_out_channels.assign(size.vae_channels.begin(), size.vae_channels.end());
    random.autoencoder.norm_num_groups = 4;
    random.autoencoder.sample_size = 512;
    return random;
  }
  throw util::ConfigError(
      fmt::format("make-model: no size \"{}\"; write tiny, quickstart, small or omnigen-v1", name));
}

// The tokenizer that comes with the project: from the current folder, or beside the program's folder.
fs::path tokenizer_folder(const std::string& given) {
  if (!given.empty()) return given;
  const fs::path local = "config/quickstart/tokenizer";
  if (fs::exists(local)) return local;
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / local;
}

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  if (!fs::exists(from / "tokenizer.json")) {
    throw util::DataError(fmt::format(
        "make-model: no tokenizer.json in {}; give its folder with --tokenizer", from.string()));
  }
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    fs::copy_file(entry.path(), to / entry.path().filename(), fs::copy_options::overwrite_existing);
  }
}

}  // namespace

int run_make_model(comm::Job& job, const Arguments& arguments) {
  const ParsedArguments parsed =
      parse_arguments(arguments, {"output", "size", "seed", "dtype", "tokenizer"}, 0, 0);
  if (parsed.option("output", "").empty()) throw util::ConfigError("make-model: give --output DIR");
  if (job.rank() != 0) return util::kExitDone;
  model::RandomModel random = model_of(parsed.option("size", "quickstart"));
  const std::string dtype = parsed.option("dtype", "bf16");
  if (dtype != "bf16" && dtype != "fp32") {
    throw util::ConfigError(fmt::format("make-model: --dtype {} is neither bf16 nor fp32", dtype));
  }
  random.seed = std::stoull(parsed.option("seed", "42"));
  random.transformer_files.dtype = dtype == "fp32" ? at::kFloat : at::kBFloat16;
  random.autoencoder_files.dtype = random.transformer_files.dtype;

  const fs::path output = parsed.option("output", "");
  copy_tokenizer(tokenizer_folder(parsed.option("tokenizer", "")), output / "tokenizer");
  std::unique_ptr<util::Progress> bar;
  random.transformer_files.progress = [&](int64_t done, int64_t total) {
    const auto mib = [](int64_t bytes) { return static_cast<int64_t>(static_cast<double>(bytes) / kMiB); };
    if (!bar) bar = std::make_unique<util::Progress>("transformer", mib(total), "MiB", true);
    bar->update(mib(done));
  };
  model::write_random_model(output, random);
  bar.reset();
  util::log::info(fmt::format("wrote {} ({}, random weights, seed {})", output.string(),
                              parsed.option("size", "quickstart"), random.seed));
  return util::kExitDone;
}

}  // namespace omnigen::tools
