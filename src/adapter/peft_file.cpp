#include "adapter/peft_file.h"

#include <fmt/format.h>

#include "adapter/lora.h"
#include "adapter/lora_config.h"
#include "io/atomic_file.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPeftPrefix = "base_model.model.";
constexpr std::string_view kDiffusersPrefix = "transformer.";

// The path in the model, whatever stands before it.
std::string without_prefix(const std::string& name) {
  for (const std::string_view prefix : {kPeftPrefix, kDiffusersPrefix}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

LoraConfig config_beside(const fs::path& path, const std::string& layer) {
  const fs::path beside = path.parent_path() / kPeftConfigFile;
  if (!fs::exists(beside)) {
    throw util::DataError(
        fmt::format("{}: the scale of {} is unknown: there is neither an alpha in the file nor an "
                    "{} beside it; copy that file of the adapter there",
                    path.string(), layer, kPeftConfigFile));
  }
  try {
    return LoraConfig::from_peft(nlohmann::ordered_json::parse(io::read_file(beside)),
                                 beside.string());
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(fmt::format("{}: {}", beside.string(), error.what()));
  }
}

}  // namespace

std::string peft_name(const std::string& module_name) {
  return std::string(kPeftPrefix) + module_name;
}

AdapterFiles peft_files(const nlohmann::ordered_json& config, Tensors tensors,
                        const FileFacts& facts) {
  std::erase_if(tensors, [](const auto& entry) { return entry.first.ends_with(".alpha"); });
  AdapterFiles files{kPeftFile,
                     kPeftFile,
                     std::move(tensors),
                     modelspec_metadata(facts),
                     {{kPeftConfigFile, config.dump(2) + "\n"}}};
  files.metadata["format"] = "pt";
  return files;
}

Tensors from_peft(const fs::path& path, Tensors tensors) {
  Tensors renamed;
  for (auto& [name, value] : tensors) renamed[peft_name(without_prefix(name))] = value;
  std::optional<LoraConfig> config;
  const std::string suffix = fmt::format(".{}", kLoraA);
  Tensors alphas;
  for (const auto& [name, value] : renamed) {
    if (!name.ends_with(suffix)) continue;
    const std::string layer = name.substr(0, name.size() - suffix.size());
    if (renamed.contains(layer + ".alpha")) continue;
    if (!config) config = config_beside(path, layer);
    const double scale = config->scale_of(without_prefix(layer));
    alphas[layer + ".alpha"] =
        at::scalar_tensor(scale * static_cast<double>(value.size(0)), at::kDouble);
  }
  renamed.merge(alphas);
  return renamed;
}

}  // namespace omnigen::adapter
