// A folder with a configuration that load() accepts, as the current folder of a test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/load.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::config {

class ConfigFolder {
 public:
  ConfigFolder() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(dir_.path());
    std::filesystem::create_directories("images");
    std::filesystem::create_directories("held_out");
    config = {{"model_family", "omnigen"},
              {"model_type", "lora"},
              {"lora_type", "lycoris"},
              {"lycoris_config", "lycoris.json"},
              {"data_backend_config", "data.json"},
              {"output_dir", "out"},
              {"seed", 42},
              {"max_train_steps", 1000},
              {"num_train_epochs", 0},
              {"learning_rate", 1e-4},
              {"train_batch_size", 1},
              {"validation_guidance", 2.5}};
    lycoris = {{"algo", "lokr"}, {"multiplier", 1.0}, {"linear_dim", 10000}, {"linear_alpha", 1}};
    datasets = Json::array({{{"id", "cats"}, {"type", "local"}, {"instance_data_dir", "images"}},
                            {{"id", "text"}, {"dataset_type", "text_embeds"}, {"default", true}}});
  }
  ~ConfigFolder() { std::filesystem::current_path(before_); }
  ConfigFolder(const ConfigFolder&) = delete;
  ConfigFolder& operator=(const ConfigFolder&) = delete;

  static void write(const std::filesystem::path& path, const std::string& text) {
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  [[nodiscard]] LoadResult load(const std::vector<std::string>& args = {},
                                Purpose purpose = Purpose::kTrain) const {
    write("config.json", config.dump(1));
    write("lycoris.json", lycoris.dump(1));
    write("data.json", datasets.dump(1));
    LoadOptions options;
    options.purpose = purpose;
    return config::load(args, options);
  }

  // The text of the error, or nothing.
  [[nodiscard]] std::string error(const std::vector<std::string>& args = {},
                                  Purpose purpose = Purpose::kTrain) const {
    try {
      static_cast<void>(load(args, purpose));
      return "";
    } catch (const util::Error& error) {
      return error.what();
    }
  }

  Json config;
  Json lycoris;
  Json datasets;

 private:
  std::filesystem::path before_;
  test::TempDir dir_;
};

// All lines of a list as one text.
inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// What loading says when these keys are changed.
inline std::string error_with(const Json& keys) {
  ConfigFolder folder;
  for (const auto& [key, value] : keys.items()) folder.config[key] = value;
  return folder.error();
}

inline LoadResult result_with(const Json& keys) {
  ConfigFolder folder;
  for (const auto& [key, value] : keys.items()) folder.config[key] = value;
  return folder.load();
}

inline std::string warnings_with(const Json& keys) {
  return joined(result_with(keys).warnings);
}
inline std::string notices_with(const Json& keys) {
  return joined(result_with(keys).notices);
}

}  // namespace omnigen::config
