// omnigen-cache draw: a captioned set of drawn shapes, or prompts for a model that has learnt them.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unordered_set>

#include "arguments.h"
#include "config/json_text.h"
#include "data/image_encode.h"
#include "data/shape_scene.h"
#include "io/atomic_file.h"
#include "util/error.h"
#include "util/log.h"
#include "util/progress.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

namespace fs = std::filesystem;

struct SetName {
  const char* name;
  data::SceneKind kind;
};
constexpr std::array kSets = {SetName{"shapes", data::SceneKind::kShapes},
                              SetName{"held-out", data::SceneKind::kHeldOutShapes},
                              SetName{"pairs", data::SceneKind::kPairs},
                              SetName{"blickets", data::SceneKind::kBlickets}};

const SetName& set_of(const ParsedArguments& parsed) {
  std::vector<std::string> names(kSets.size());
  std::transform(kSets.begin(), kSets.end(), names.begin(),
                 [](const SetName& set) { return set.name; });
  const std::string name = parsed.choice("set", names.front(), names);
  return *std::find_if(kSets.begin(), kSets.end(),
                       [&](const SetName& set) { return name == set.name; });
}

// Have every ground in either half in both sizes.
constexpr uint64_t kFewBlickets = 20;

struct Drawing {
  std::string caption;
  data::Image image;
};

Drawing make_drawing(const SetName& set, uint64_t seed, int64_t number, int64_t side) {
  util::SeedStream stream(seed, "draw", {set.name}, static_cast<uint64_t>(number));
  data::Scene scene = data::random_scene(set.kind, stream);
  if (set.kind == data::SceneKind::kBlickets) {
    // Another seed's first pictures are of other scenes.
    data::spread_evenly(scene, seed * kFewBlickets + static_cast<uint64_t>(number));
  }
  Drawing drawing;
  drawing.caption = data::scene_caption(scene, stream);
  if (side > 0) {
    drawing.image = data::draw_scene(scene, data::place_parts(scene, stream), side, stream);
  }
  return drawing;
}

// Without the sync of io::write_atomically(): a set is drawn again in seconds.
void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) throw util::Error(fmt::format("{}: cannot be written", path.string()));
}

void draw_pictures(const SetName& set, uint64_t seed, int64_t count, int64_t side,
                   const fs::path& output) {
  fs::create_directories(output);
  util::Progress progress("drawing", count, "pictures", true);
  for (int64_t i = 0; i < count; ++i) {
    const Drawing drawing = make_drawing(set, seed, i, side);
    const std::string stem = fmt::format("{}_{:05}", set.name, i);
    write_file(output / (stem + ".png"), data::encode_png(drawing.image));
    write_file(output / (stem + ".txt"), drawing.caption + "\n");
    progress.update(i + 1);
  }
}

// Added to what the file holds. No two prompts are equal, and each has noise of its own.
void write_prompts(const SetName& set, uint64_t seed, int64_t count, const fs::path& file) {
  constexpr int64_t kMaxDraws = 100;  // of one prompt
  config::Json library = fs::exists(file) ? config::read_json(file) : config::Json::object();
  if (!library.is_object()) {
    throw util::ConfigError(fmt::format(
        "{} is no prompt library: expected an object of names and prompts", file.string()));
  }
  std::unordered_set<std::string> seen;
  for (int64_t i = 0; std::ssize(seen) < count; ++i) {
    if (i > kMaxDraws * count) {
      throw util::ConfigError(fmt::format("--count {}: the set {} has only about {} captions",
                                          count, set.name, seen.size()));
    }
    const std::string caption = make_drawing(set, seed, i, 0).caption;
    if (!seen.insert(caption).second) continue;
    library[fmt::format("{}_{:04}", set.name, seen.size() - 1)] = {{"prompt", caption},
                                                                   {"seed", seed + seen.size()}};
  }
  io::write_atomically(file, library.dump(1) + "\n");
}

}  // namespace

int run_draw(comm::Job& job, const Arguments& arguments) {
  const ParsedArguments parsed =
      parse_arguments(arguments, {"output", "prompts", "set", "count", "side", "seed"}, 0, 0);
  if (job.rank() != 0) return util::kExitDone;
  const SetName& set = set_of(parsed);
  const int64_t count = parsed.number("count", 100, 1);
  const int64_t side = parsed.number("side", 128, 32);
  const auto seed = static_cast<uint64_t>(parsed.number("seed", 42, 0));
  const fs::path output = parsed.option("output", "");
  const fs::path prompts = parsed.option("prompts", "");
  if (output.empty() == prompts.empty()) {
    throw util::ConfigError(
        "draw needs either --output DIR (pictures with captions) or --prompts FILE.json");
  }
  if (output.empty()) {
    write_prompts(set, seed, count, prompts);
    util::log::info(fmt::format("{} prompts in {}", count, fs::absolute(prompts).string()));
  } else {
    draw_pictures(set, seed, count, side, output);
    util::log::info(fmt::format("{} pictures of {}x{} with captions in {}", count, side, side,
                                fs::absolute(output).string()));
  }
  return util::kExitDone;
}

}  // namespace omnigen::tools
