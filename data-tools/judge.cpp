// omnigen-cache judge: in how many pictures is what their captions say? For drawn shapes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "arguments.h"
#include "data/image_decode.h"
#include "data/image_encode.h"
#include "data/shape_judge.h"
#include "io/atomic_file.h"
#include "util/error.h"
#include "verb.h"

namespace omnigen::tools {
namespace {

namespace fs = std::filesystem;

// Pictures that are counted together: step and weights of a run's, and what is asked for.
struct Group {
  int64_t step = 0;
  std::string weights;
  std::string thing;
  auto operator<=>(const Group&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14
};

struct Count {
  int64_t pictures = 0;
  int64_t colour = 0;
  int64_t shape = 0;
  int64_t half = 0;
  int64_t whole = 0;
};

using TextChunks = std::map<std::string, std::string>;

std::string text_at(const TextChunks& text, const char* key, const std::string& fallback) {
  const auto found = text.find(key);
  return found == text.end() ? fallback : found->second;
}

// The caption: in the picture's own text (a run's images), or in a file beside it.
std::string caption_of(const fs::path& path, const TextChunks& text) {
  if (text.contains("prompt")) return text.at("prompt");
  const fs::path beside = fs::path(path).replace_extension(".txt");
  return fs::exists(beside) ? io::read_file(beside) : "";
}

Group group_of(const TextChunks& text, const data::Asked& asked) {
  const std::string unnamed = asked.parts.size() > 1 ? "pairs" : "shapes";
  return {std::stoll(text_at(text, "global_step", "0")), text_at(text, "weights", "drawn"),
          asked.figure.empty() ? unnamed : std::string(asked.figure)};
}

void add(const fs::path& path, std::map<Group, Count>& counts, int64_t& num_other) {
  const std::string bytes = data::read_image_file(path);
  const TextChunks text = data::read_png_text(bytes);
  const std::optional<data::Asked> asked = data::asked_for(caption_of(path, text));
  if (!asked) {
    ++num_other;
    return;
  }
  const data::Judgement found = data::judge(data::decode_image(bytes, path.string()).image, *asked);
  Count& count = counts[group_of(text, *asked)];
  ++count.pictures;
  count.colour += found.colour ? 1 : 0;
  count.shape += found.shape ? 1 : 0;
  count.half += found.half ? 1 : 0;
  count.whole += found.whole ? 1 : 0;
}

// A run's folder: the untouched model's images and those of its validations, each alone.
std::vector<fs::path> folders_of(const fs::path& folder) {
  std::vector<fs::path> folders;
  for (const char* part : {"benchmarks/base_model", "validation_images/unstitched"}) {
    if (fs::is_directory(folder / part)) folders.push_back(folder / part);
  }
  return folders.empty() ? std::vector<fs::path>{folder} : folders;
}

std::vector<fs::path> pictures_of(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw util::DataError(fmt::format("{} is not a folder", fs::absolute(folder).string()));
  }
  std::vector<fs::path> pictures;
  for (const fs::path& part : folders_of(folder)) {
    for (const auto& entry : fs::directory_iterator(part)) {
      if (entry.path().extension() == ".png") pictures.push_back(entry.path());
    }
  }
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

void print(const std::map<Group, Count>& counts) {
  fmt::print("{:>6}  {:<6} {:<8} {:>8}  {:>6} {:>6} {:>6}  {:>7}  {}\n", "step", "weights", "asked",
             "pictures", "colour", "shape", "half", "all", "95 % interval");
  for (const auto& [group, count] : counts) {
    const auto percent = [all = count.pictures](int64_t number) {
      return 100.0 * static_cast<double>(number) / static_cast<double>(all);
    };
    const data::Interval interval = data::wilson_interval(count.whole, count.pictures);
    fmt::print(
        "{:>6}  {:<6}  {:<8} {:>8}  {:>5.1f}% {:>5.1f}% {:>5.1f}%  {:>6.1f}%  {:.1f} to {:.1f} %\n",
        group.step, group.weights, group.thing, count.pictures, percent(count.colour),
        percent(count.shape), percent(count.half), percent(count.whole), 100 * interval.low,
        100 * interval.high);
  }
}

}  // namespace

int run_judge(comm::Job& job, const Arguments& arguments) {
  const ParsedArguments parsed = parse_arguments(arguments, {}, 1, 1);
  if (job.rank() != 0) return util::kExitDone;
  std::map<Group, Count> counts;
  int64_t num_other = 0;
  for (const fs::path& picture : pictures_of(parsed.plain[0])) add(picture, counts, num_other);
  if (counts.empty()) {
    throw util::DataError(fmt::format(
        "{}: no PNG whose caption (its own text, or NAME.txt beside it) names a coloured shape",
        fs::absolute(parsed.plain[0]).string()));
  }
  print(counts);
  if (num_other > 0) fmt::print("{} pictures with other captions left out\n", num_other);
  return util::kExitDone;
}

}  // namespace omnigen::tools
