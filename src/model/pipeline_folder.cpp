#include "model/pipeline_folder.h"

#include <fmt/format.h>

#include "io/atomic_file.h"
#include "model/model_writer.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenizerFile = "tokenizer.json";

// Files of this folder itself, without what is below.
void copy_files(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name.starts_with(".")) continue;
    fs::copy_file(entry.path(), to / name, fs::copy_options::overwrite_existing);
  }
}

void copy_tokenizer(const fs::path& model_folder, const fs::path& to) {
  if (fs::exists(model_folder / "tokenizer" / kTokenizerFile)) {
    copy_files(model_folder / "tokenizer", to);
    return;
  }
  if (!fs::exists(model_folder / kTokenizerFile)) {
    throw util::DataError(
        fmt::format("{}: neither tokenizer/tokenizer.json nor tokenizer.json is there; a model "
                    "folder needs its tokenizer",
                    model_folder.string()));
  }
  fs::create_directories(to);
  for (const char* name : {kTokenizerFile, "tokenizer_config.json", "special_tokens_map.json",
                           "added_tokens.json", "tokenizer.model"}) {
    if (!fs::exists(model_folder / name)) continue;
    fs::copy_file(model_folder / name, to / name, fs::copy_options::overwrite_existing);
  }
}

void copy_vae(const fs::path& vae_folder, const fs::path& to) {
  if (!fs::exists(vae_folder / "config.json")) {
    throw util::DataError(
        fmt::format("{}: no config.json; a model folder needs its VAE there", vae_folder.string()));
  }
  copy_files(vae_folder, to);
}

void copy_or_write(const fs::path& from, const fs::path& to, const nlohmann::ordered_json& json) {
  if (!fs::exists(from)) {
    io::write_atomically(to, json.dump(2) + "\n");
    return;
  }
  fs::create_directories(to.parent_path());
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
}

}  // namespace

void copy_pipeline_parts(const PipelineSources& sources, const fs::path& target) {
  const fs::path& source = sources.model_folder;
  try {
    copy_tokenizer(source, target / "tokenizer");
    copy_vae(sources.vae_folder, target / "vae");
    const fs::path scheduler = fs::path("scheduler") / "scheduler_config.json";
    copy_or_write(source / scheduler, target / scheduler, scheduler_config_json());
    copy_or_write(source / "model_index.json", target / "model_index.json", model_index_json());
  } catch (const fs::filesystem_error& error) {
    throw util::Error(fmt::format("{}: {}", target.string(), error.what()));
  }
}

void copy_original_parts(const PipelineSources& sources, const fs::path& target) {
  try {
    copy_tokenizer(sources.model_folder, target);
    copy_vae(sources.vae_folder, target / "vae");
  } catch (const fs::filesystem_error& error) {
    throw util::Error(fmt::format("{}: {}", target.string(), error.what()));
  }
}

}  // namespace omnigen::model
