// A run's folder as training leaves it, small and made up, with texts that want to be markup.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "report/pictures.h"
#include "support/temp_dir.h"

namespace omnigen::test {

inline constexpr const char* kNastyCaption = "a cat </script><script>alert(1)</script> & \"dog\"";

class RunFolder {
 public:
  explicit RunFolder(int num_steps = 40) {
    write("run_state.json", nlohmann::json({{"state", "complete"},
                                            {"step", num_steps},
                                            {"total_steps", num_steps},
                                            {"world_size", 2},
                                            {"backend", "mpi"},
                                            {"version", "0.1.0"},
                                            {"tracker_run_name", "first <run>"}})
                                .dump());
    write("simpletuner_config.json",
          nlohmann::ordered_json({{"pretrained_model_name_or_path", "models/tiny"},
                                  {"model_type", "lora"},
                                  {"max_grad_norm", 1.0},
                                  {"num_eval_images", 6},
                                  {"logging_dir", "logs"},
                                  {"validation_prompt", kNastyCaption}})
              .dump());
    write("logs/run_facts.json", facts().dump());
    write("logs/metrics.jsonl", metrics(num_steps));
    image("benchmarks/base_model/cat_64x64.png");
    for (const std::string step : {"20", "40"}) {
      image("validation_images/step_" + step + "_cat_0_64x64.png");
      image("validation_images/unstitched/step_" + step + "_cat_0_64x64.png");
      image("validation_images/unstitched/step_" + step + "_cat_0_64x64_ema.png");
    }
    image("pictures/a.png");
  }

  [[nodiscard]] const std::filesystem::path& path() const { return dir_.path(); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << text;
  }
  void image(const std::string& name) const { write(name, "image " + name); }
  void remove(const std::string& name) const { std::filesystem::remove_all(dir_ / name); }

  // Gives a file's bytes as they are.
  static std::optional<report::Thumbnail> thumbnail(const std::filesystem::path& file,
                                                    const std::optional<report::Cut>& /*cut*/,
                                                    int64_t /*max_edge*/) {
    std::ifstream stream(file);
    if (!stream) return std::nullopt;
    return report::Thumbnail{"image/png", std::string(std::istreambuf_iterator<char>(stream), {})};
  }

 private:
  [[nodiscard]] nlohmann::json facts() const {
    const nlohmann::json example = {{"path", "a.png"},
                                    {"caption", kNastyCaption},
                                    {"resized", {64, 64}},
                                    {"crop", {0, 0, 64, 64}}};
    const nlohmann::json set = {
        {"id", "cats"},         {"kind", "training"},     {"images", 3},
        {"repeats", 2},         {"sizes", {{64, 64, 3}}}, {"folder", (dir_ / "pictures").string()},
        {"examples", {example}}};
    return {{"version", 1},
            {"run",
             {{"model", {{"parameters", 1234567}, {"layers", 2}, {"hidden_size", 64}}},
              {"trained", {{"parameters", 4321}, {"modules", 8}, {"lines", {"8 layers"}}}},
              {"effective_batch", 4},
              {"samples_per_epoch", 9},
              {"expected_loss", {{"zero_predictor", 2.0}, {"spectrum_only", 1.2}}},
              {"data_sets", {set}},
              {"prompts", {{{"name", "cat"}, {"text", kNastyCaption}}}}}},
            {"machine",
             {{"ranks", 2}, {"micro_batch", 2}, {"accumulation", 1}, {"hosts", {"one", "one"}}}}};
  }

  static std::string metrics(int num_steps) {
    std::string text =
        "{\"step\":0,\"loss/val_untouched_by_t/held-out\":[0.6,0.4],"
        "\"loss/val_untouched_items/held-out\":[0.5,0.6,0.4,0.5,0.5,0.5],"
        "\"loss/val_zero/held-out\":[2.1]}\n";
    for (int step = 1; step <= num_steps; ++step) {
      const double loss = 0.5 - 0.2 * step / num_steps;
      nlohmann::json row = {{"step", step},
                            {"wall_time", 1e9 + step},
                            {"train_loss", loss},
                            {"learning_rate", 0.001},
                            {"grad_norm", 0.5},
                            {"perf/step_seconds", 0.5},
                            {"perf/compute_seconds", 0.4},
                            {"perf/reduce_seconds", 0.05},
                            {"perf/update_seconds", 0.02},
                            {"perf/data_wait_seconds", 0.01},
                            {"train_loss_by_t", {{3, 1, loss}, {12, 3, loss / 2}}}};
      if (step % 20 == 0) {
        row["loss/val/held-out"] = loss;
        row["loss/val_ema/held-out"] = loss + 0.01;
        row["loss/val_untouched/held-out"] = 0.5;
        row["loss/val_improvement/held-out"] = 0.5 - loss;
        row["loss/val_improvement_95/held-out"] = 0.05;
        row["loss/val_by_t/held-out"] = {loss + 0.1, loss - 0.1};
        row["loss/val_items/held-out"] = {loss,        loss + 0.1,  loss - 0.1,
                                          loss + 0.01, loss - 0.01, loss};
      }
      text += row.dump() + "\n";
    }
    return text;
  }

  TempDir dir_;
};

}  // namespace omnigen::test
