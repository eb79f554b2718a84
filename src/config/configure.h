// The questions of `omnigen-dist configure`, in order, and the files that their answers make.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "config/interview.h"
#include "config/json_text.h"
#include "config/locate.h"

namespace omnigen::config {

// What the questions look at beside the answers.
struct Surroundings {
  Environment environment;
  std::filesystem::path folder;   // of the files; absolute
  std::optional<double> gpu_gib;  // memory of the smallest GPU here; nothing: there is none
  // Bytes that can be written below a path, which need not exist; nothing: unknown.
  std::function<std::optional<double>(const std::filesystem::path&)> free_bytes;
  std::function<int64_t(const std::filesystem::path&)> num_images;  // below a folder
  std::function<int64_t(const Json& lycoris)> num_adapter_parameters;
  int64_t num_model_parameters = 0;
};

struct ConfigureFiles {
  Json config = Json::object();
  Json lycoris;   // null: none is needed
  Json datasets;  // null: keep the file that is there
  Json prompts;   // null: none is wanted
};

// `earlier`: a configuration whose values are the defaults, and whose further keys are kept.
// Errors: ConfigError at the end of the input, and for answers of a list that cannot be.
ConfigureFiles ask_all(const Surroundings& around, const Json& earlier, Interview& talk);

}  // namespace omnigen::config
