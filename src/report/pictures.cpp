#include "report/pictures.h"

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "report/html.h"

namespace omnigen::report {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxImages = 240;
constexpr size_t kMaxPrompts = 60;  // of all sizes
constexpr size_t kFewImages = 100;  // up to here they may be larger
constexpr int64_t kLargeEdge = 320;
constexpr int64_t kSmallEdge = 224;

// Where a prompt's images lie, by step.
struct Files {
  fs::path live;
  fs::path average;
  bool stitched = false;
};
struct Key {
  std::string name;
  int64_t index = 0;
  std::string size;
  auto operator<=>(const Key&) const = default;
};
using Found = std::map<Key, std::map<int64_t, Files>>;

// validation_images/[unstitched/]step_<N>_<name>_<index>_<W>x<H>[_ema].<format>
void scan(const fs::path& folder, bool stitched, Found* found) {
  static const std::regex kName(R"(step_(\d+)_(.+)_(\d+)_(\d+x\d+)(_ema)?\.(png|jpg|webp))");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::smatch match;
    if (!std::regex_match(name, match, kName)) continue;
    const Key key{match[2], std::stoll(match[3]), match[4]};
    if (stitched && found->contains(key) && found->at(key).contains(std::stoll(match[1]))) continue;
    Files& files = (*found)[key][std::stoll(match[1])];
    (match[5].matched ? files.average : files.live) = entry.path();
    files.stitched = stitched;
  }
}

// The order of the run, names that it does not know last.
std::map<std::string, size_t> order_of_prompts(const RunRecords& records) {
  std::map<std::string, size_t> order;
  for (const auto& prompt : records.run.value("prompts", nlohmann::json::array())) {
    order.emplace(prompt.value("name", ""), order.size());
  }
  return order;
}

std::string prompt_text(const RunRecords& records, const std::string& name) {
  for (const auto& prompt : records.run.value("prompts", nlohmann::json::array())) {
    if (prompt.value("name", "") == name) return prompt.value("text", "");
  }
  return "";
}

// Evenly, with both ends.
std::vector<int64_t> thinned(const std::set<int64_t>& steps, size_t count) {
  const std::vector<int64_t> all(steps.begin(), steps.end());
  if (all.size() <= count) return all;
  std::vector<int64_t> chosen;
  for (size_t k = 0; k < count; ++k) chosen.push_back(all[k * (all.size() - 1) / (count - 1)]);
  return chosen;
}

fs::path benchmark_of(const RunRecords& records, const Key& key) {
  const auto draws = number_in(records.config, "num_validation_images");
  const int64_t draw = key.index % std::max<int64_t>(1, static_cast<int64_t>(draws.value_or(1)));
  return records.folder / "benchmarks" / "base_model" /
         (key.name + "_" + key.size + (draw == 0 ? "" : "_" + std::to_string(draw)) + ".png");
}

PromptImages images_of(const RunRecords& records, const Key& key,
                       const std::map<int64_t, Files>& by_step, const std::vector<int64_t>& steps,
                       const std::function<int64_t(const fs::path&)>& add) {
  PromptImages images{key.name, prompt_text(records, key.name), key.size, -1, {}};
  bool stitched = false;
  for (const int64_t step : steps) {
    const auto files = by_step.find(step);
    if (files == by_step.end()) continue;
    const auto number = [&](const fs::path& file) { return file.empty() ? -1 : add(file); };
    PromptImages::Shot shot{step, number(files->second.live), number(files->second.average),
                            files->second.stitched};
    if (shot.live < 0 && shot.average < 0) continue;
    stitched = stitched || shot.stitched;
    images.shots.push_back(shot);
  }
  const fs::path benchmark = benchmark_of(records, key);
  if (!stitched && fs::exists(benchmark)) images.base = add(benchmark);
  return images;
}

}  // namespace

int64_t ImageStore::add(const fs::path& file, int64_t max_edge, const std::optional<Cut>& cut) {
  const auto thumbnail = make_(file, cut, max_edge);
  if (!thumbnail) {
    ++num_failed_;
    return -1;
  }
  uris_.push_back(data_uri(thumbnail->type, thumbnail->bytes));
  return static_cast<int64_t>(uris_.size()) - 1;
}

Gallery collect_gallery(const RunRecords& records, ImageStore* images) {
  Found found;
  scan(records.folder / "validation_images" / "unstitched", false, &found);
  scan(records.folder / "validation_images", true, &found);
  Gallery gallery;
  if (found.empty()) return gallery;
  std::vector<Key> keys;
  std::set<int64_t> steps;
  for (const auto& [key, by_step] : found) {
    keys.push_back(key);
    for (const auto& [step, files] : by_step) steps.insert(step);
  }
  const auto order = order_of_prompts(records);
  std::stable_sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    const auto place = [&](const Key& key) {
      const auto at = order.find(key.name);
      return at == order.end() ? order.size() : at->second;
    };
    return place(a) < place(b);
  });
  gallery.num_left_out = keys.size() - std::min(keys.size(), kMaxPrompts);
  keys.resize(std::min(keys.size(), kMaxPrompts));
  constexpr size_t kPerStep = 2;  // live and averaged
  const size_t count = std::max<size_t>(2, kMaxImages / (keys.size() * kPerStep));
  const std::vector<int64_t> shown = thinned(steps, count);
  gallery.averages_only = records.config.value("ema_validation", "") == "ema_only" &&
                          records.config.value("use_ema", false);
  gallery.num_steps = steps.size();
  gallery.num_shown = shown.size();
  const size_t total = keys.size() * (shown.size() * kPerStep + 1);
  const int64_t edge = total <= kFewImages ? kLargeEdge : kSmallEdge;
  for (const Key& key : keys) {
    // A stitched picture has two or three parts and more to be seen in it.
    gallery.prompts.push_back(
        images_of(records, key, found.at(key), shown, [&](const fs::path& file) {
          const bool stitched = file.parent_path().filename() == "validation_images";
          return images->add(file, stitched ? 2 * edge : edge);
        }));
  }
  return gallery;
}

}  // namespace omnigen::report
