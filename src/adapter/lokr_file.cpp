#include "adapter/lokr_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const fs::path& path) {
  return fs::is_directory(path) ? path / kAdapterFile : path;
}

}  // namespace

std::map<std::string, std::string> file_metadata(const FileFacts& facts) {
  const std::string flavour = facts.flavour.empty() ? "" : "-" + facts.flavour;
  std::map<std::string, std::string> metadata = {
      {"lycoris_config", facts.lycoris_config.dump()},
      {"modelspec.sai_model_spec", "1.0.1"},
      {"modelspec.architecture", fmt::format("omnigen{}/lora", flavour)},
      {"modelspec.implementation", "diffusers"},
      {"modelspec.title", facts.title},
      {"modelspec.resolution", fmt::format("{0}x{0}", facts.resolution)},
      {"modelspec.description", "Unified multimodal generation model"},
      {"modelspec.comment", facts.comment},
      {"trained_words", facts.trained_words},
      {"global_step", std::to_string(facts.step)}};
  std::erase_if(metadata, [](const auto& entry) { return entry.second.empty(); });
  return metadata;
}

void save_adapter(const fs::path& folder, const std::map<std::string, at::Tensor>& tensors,
                  const std::map<std::string, std::string>& metadata,
                  const nlohmann::ordered_json& lycoris_config) {
  io::write_safetensors(folder / kAdapterFile, tensors, metadata);
  io::write_atomically(folder / kLycorisConfigFile, lycoris_config.dump(2) + "\n");
}

std::map<std::string, at::Tensor> read_adapter(const fs::path& path) {
  const io::SafetensorsReader reader(file_of(path));
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, info] : reader.tensors()) tensors[name] = reader.tensor(name);
  const bool lokr = std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) {
    return entry.first.find(".lokr_w1") != std::string::npos;
  });
  if (!lokr) {
    throw util::DataError(fmt::format(
        "{}: not a LoKr adapter: none of its {} tensors is a lokr_w1{}; give the "
        "pytorch_lora_weights.safetensors of a LyCORIS run with algo \"lokr\"",
        reader.path().string(), tensors.size(),
        tensors.empty() ? "" : fmt::format(" (the first is {})", tensors.begin()->first)));
  }
  return tensors;
}

FileOrigin read_origin(const fs::path& path) {
  const io::SafetensorsReader reader(file_of(path));
  FileOrigin origin;
  const auto config = reader.metadata().find("lycoris_config");
  if (config != reader.metadata().end()) {
    auto json = nlohmann::ordered_json::parse(config->second, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) origin.lycoris_config = std::move(json);
  }
  const auto step = reader.metadata().find("global_step");
  if (step != reader.metadata().end()) {
    const std::string& text = step->second;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) origin.step = value;
  }
  return origin;
}

}  // namespace omnigen::adapter
