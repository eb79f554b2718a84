// The data-set file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/configure_wizard.h"
#include "config/text.h"
#include "config/value.h"

namespace omnigen::config {
namespace fs = std::filesystem;
namespace {

// One shape of each image, at one size.
struct Entry {
  std::string id;
  int64_t resolution;
  bool cropped;
};

struct Described {
  std::string id;
  std::string images;
  std::string strategy;
  std::string instance_prompt;
  std::vector<int64_t> resolutions;
  bool large = false;
  int64_t repeats = 0;
  fs::path cache;
};

int64_t minimum_size(int64_t resolution) {
  constexpr int64_t kSmall = 512;
  return resolution > kSmall ? resolution - kSmall / 2 : resolution / 2;
}

std::vector<Entry> entries_of(const Described& set) {
  std::vector<Entry> entries;
  for (const int64_t resolution : set.resolutions) {
    entries.push_back({fmt::format("{}-{}", set.id, resolution), resolution, false});
    entries.push_back({fmt::format("{}-crop-{}", set.id, resolution), resolution, true});
  }
  return entries;
}

Json entry_json(const Described& set, const Entry& entry) {
  Json json = {{"id", entry.id},
               {"type", "local"},
               {"instance_data_dir", set.images},
               {"cache_dir_vae", (set.cache / "vae" / entry.id).string()},
               {"caption_strategy", set.strategy}};
  if (!set.instance_prompt.empty()) json["instance_prompt"] = set.instance_prompt;
  json["resolution"] = entry.resolution;
  json["resolution_type"] = "pixel_area";
  json["minimum_image_size"] = minimum_size(entry.resolution);
  if (set.large) {
    json["maximum_image_size"] = 2 * entry.resolution;
    json["target_downsample_size"] = entry.resolution + entry.resolution / 4;
  }
  json["crop"] = entry.cropped;
  if (entry.cropped) {
    json["crop_aspect"] = "square";
    json["crop_style"] = "center";
  }
  json["repeats"] = set.repeats;
  return json;
}

Json file_json(const Described& set) {
  Json list = Json::array();
  for (const Entry& entry : entries_of(set)) list.push_back(entry_json(set, entry));
  list.push_back({{"id", "text-embed-cache"},
                  {"type", "local"},
                  {"dataset_type", "text_embeds"},
                  {"default", true},
                  {"cache_dir", (set.cache / "text").string()}});
  return list;
}

std::vector<int64_t> read_sizes(const std::string& answer) {
  std::vector<int64_t> sizes;
  for (const std::string& item : split_words(answer, ", ")) {
    int64_t size = 0;
    if (!assign(Json(item), &size).empty() || size < 64 || size > 4096) return {};
    sizes.push_back(size);
  }
  return sizes;
}

Complaint judge_resolutions(const std::string& answer) {
  const auto sizes = read_sizes(answer);
  if (sizes.empty()) return Complaint::no("write pixels from 64 to 4096, e.g. 512,1024");
  if (sizes.size() == 1) return Complaint::none();
  return Complaint::doubt(
      fmt::format("{0} sizes: every image is cached and trained on {0} times", sizes.size()));
}

// Raw float16 latents of four channels, an eighth of the side each way.
double cache_bytes(const Described& set, int64_t num_images) {
  constexpr double kBytesPerPixel = 4.0 * 2.0 / 64.0;
  double bytes = 0;
  for (const Entry& entry : entries_of(set)) {
    bytes += static_cast<double>(num_images) * kBytesPerPixel *
             static_cast<double>(entry.resolution * entry.resolution);
  }
  return bytes;
}

std::string ask_images(Wizard& wizard) {
  const auto judge = [&](const std::string& name) {
    std::error_code ignored;
    if (!fs::is_directory(name, ignored)) return Complaint::no("there is no folder " + name);
    return wizard.around.num_images(name) > 0 ? Complaint::none()
                                              : Complaint::no("there is no image in " + name);
  };
  const std::string images = wizard.talk.ask(
      {"instance_data_dir", "Data: folder of the images", "datasets/my-dataset", judge});
  return fs::absolute(images).lexically_normal().string();
}

int64_t ask_repeats(Wizard& wizard, const Described& set, int64_t num_images) {
  const int64_t batch = wizard.global_batch;
  const auto per_pass = num_images * static_cast<int64_t>(entries_of(set).size());
  const auto judge = [=](int64_t repeats) {
    if (repeats < 0) return Complaint::no("must be at least 0");
    const int64_t samples = per_pass * (repeats + 1);
    if (samples >= batch) return Complaint::none();
    return Complaint::doubt(
        fmt::format("{} images make {} samples an epoch, fewer than the effective batch {}; "
                    "repeats {} would do",
                    num_images, samples, batch, (batch + per_pass - 1) / per_pass - 1));
  };
  return wizard.talk.ask_whole(
      {"repeats", "Data: further passes over the images in an epoch", "10"}, judge);
}

fs::path ask_cache(Wizard& wizard, const Described& set, int64_t num_images) {
  const double needed = cache_bytes(set, num_images);
  const auto judge = [&](const std::string& name) {
    const auto free = wizard.around.free_bytes(fs::absolute(name));
    if (!free || needed <= *free) return Complaint::none();
    return Complaint::doubt(fmt::format("the cache takes about {}, and {} are free",
                                        gigabytes(needed), gigabytes(*free)));
  };
  wizard.talk.say(
      fmt::format("  {} images; their cache takes about {}", num_images, gigabytes(needed)));
  return fs::absolute(wizard.talk.ask({"cache_dir", "Data: folder of the caches", "cache", judge}))
      .lexically_normal();
}

Described ask_set(Wizard& wizard) {
  Interview& talk = wizard.talk;
  Described set;
  set.id =
      talk.ask({"dataset_id", "Data: id of the data set", "my-dataset", [](const std::string& id) {
                  const bool plain = id.find_first_not_of(
                                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._-") == std::string::npos;
                  return plain ? Complaint::none()
                               : Complaint::no("letters, digits, dots, dashes and _ only");
                }});
  set.images = ask_images(wizard);
  set.strategy = talk.choose({"caption_strategy", "Data: where captions come from", "textfile"},
                             acting_words("caption_strategy"));
  if (set.strategy == "instanceprompt") {
    set.instance_prompt = talk.ask(
        {"instance_prompt", "Data: the caption of every image", "", [](const std::string& text) {
           return text.empty() || text.find('<') != std::string::npos
                      ? Complaint::no("write the caption")
                      : Complaint::none();
         }});
  }
  set.resolutions =
      read_sizes(talk.ask({"dataset_resolutions", "Data: training sizes in pixels, with commas",
                           fmt::format("{:.0f}", wizard.resolution_pixels), judge_resolutions}));
  set.large =
      talk.confirm("large_images", "Data: are many images more than twice as large as that", false);
  return set;
}

}  // namespace

void ask_data(Wizard& wizard) {
  Interview& talk = wizard.talk;
  std::error_code ignored;
  const fs::path file = wizard.value("data_backend_config").get<std::string>();
  if (talk.confirm("describe_dataset", "Describe a data set as well", false)) {
    Described set = ask_set(wizard);
    const int64_t num_images = wizard.around.num_images(set.images);
    set.repeats = ask_repeats(wizard, set, num_images);
    set.cache = ask_cache(wizard, set, num_images);
    wizard.files.datasets = file_json(set);
  } else if (!fs::exists(file, ignored)) {
    Described set;
    set.id = "my-dataset";
    set.images = fs::absolute("datasets/my-dataset").string();
    set.strategy = "textfile";
    set.resolutions = {static_cast<int64_t>(std::lround(wizard.resolution_pixels))};
    set.repeats = 10;
    set.cache = fs::absolute("cache");
    wizard.files.datasets = file_json(set);
    talk.say(fmt::format("  {} will name {}: put images and captions there, or edit it",
                         file.string(), set.images));
  }
}

}  // namespace omnigen::config
