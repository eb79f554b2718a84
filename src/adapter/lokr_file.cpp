#include "adapter/lokr_file.h"

#include <charconv>

#include "io/safetensors_reader.h"

namespace omnigen::adapter {
namespace {

constexpr const char* kAverageFile = "ema_model.safetensors";

}  // namespace

AdapterFiles lokr_files(const nlohmann::ordered_json& lycoris_config, Tensors tensors,
                        const FileFacts& facts) {
  AdapterFiles files{kLokrFile,
                     kAverageFile,
                     std::move(tensors),
                     modelspec_metadata(facts),
                     {{kLycorisConfigFile, lycoris_config.dump(2) + "\n"}}};
  files.metadata["lycoris_config"] = lycoris_config.dump();
  return files;
}

FileOrigin read_origin(const std::filesystem::path& path) {
  const io::SafetensorsReader reader(std::filesystem::is_directory(path) ? path / kLokrFile : path);
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
