// What a run leaves for others: model card, sample images and settings beside its weights, on the
// Hub where asked for, and the user's scripts. On rank 0 only.
//
// `README.md`, `simpletuner_config.json` and `assets/` go into every checkpoint and into
// `output_dir` at the end. They are not in a checkpoint's manifest: images of its own step come
// after it is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "train/command_queue.h"
#include "train/hub_access.h"
#include "train/run_plan.h"
#include "validate/validator.h"

namespace omnigen::train {

class Publisher {
 public:
  struct Parts {
    const config::LoadResult& loaded;
    RunPlan plan;
    std::optional<HubAccess> hub;  // with push_to_hub
    std::string endpoint;
    std::string negative_prompt;
    double retry_delay_s = 5.0;
  };
  explicit Publisher(Parts parts);

  // A checkpoint is complete. `epoch`: finished ones. `temporary`: its folder may vanish at any
  // time, so it gets its card and nothing more.
  void checkpoint(const std::filesystem::path& folder, int64_t step, int64_t epoch, bool temporary);
  // The images of a validation; into the checkpoint of this step, if there is one.
  void images(int64_t step, const std::vector<validate::ValidationImage>& images);
  // `complete`: the run has reached its end, so that its result is uploaded. Waits for uploads.
  void finish(int64_t step, int64_t epoch, bool complete);

 private:
  struct Asset {
    std::string name;  // image_<prompt>_<index>.png
    std::string png;
    std::string prompt;
  };
  struct Place {
    std::filesystem::path folder;
    int64_t step = 0;
    int64_t epoch = 0;
  };

  void describe(const Place& place) const;
  // Copies what is uploaded, since the folder itself also holds what only a resume needs.
  [[nodiscard]] std::filesystem::path stage(const Place& place, const std::string& name) const;
  void upload(const Place& place, const std::filesystem::path& staged, const std::string& remote);
  void run_script(const std::string& script, const Place& place, const std::string& remote);

  Parts parts_;
  std::filesystem::path output_dir_;
  std::vector<Asset> assets_;
  Place last_;
  CommandQueue queue_;
};

}  // namespace omnigen::train
