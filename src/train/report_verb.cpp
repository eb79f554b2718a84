#include "train/report_verb.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>

#include "data/image_decode.h"
#include "data/image_encode.h"
#include "data/resample.h"
#include "io/atomic_file.h"
#include "report/run_report.h"
#include "util/error.h"
#include "util/log.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kQuality = 82;
constexpr auto kFilter = data::ResampleFilter::kBicubicAa;

data::Image cut_out(const data::Image& image, const report::Cut& cut) {
  return data::resize_window(image, {cut.resized_width, cut.resized_height},
                             {cut.left, cut.top, cut.width, cut.height}, kFilter);
}

bool fits(const report::Cut& cut) {
  return cut.left >= 0 && cut.top >= 0 && cut.width > 0 && cut.height > 0 &&
         cut.left + cut.width <= cut.resized_width && cut.top + cut.height <= cut.resized_height;
}

data::Image made_smaller(data::Image image, int64_t max_edge) {
  const int64_t edge = std::max(image.width, image.height);
  if (edge <= max_edge) return image;
  const auto scaled = [&](int64_t side) { return std::max<int64_t>(1, side * max_edge / edge); };
  return data::resize(image, {scaled(image.width), scaled(image.height)}, kFilter);
}

std::string page_of(const fs::path& output_dir) {
  return report::run_report(output_dir, make_thumbnail);
}

}  // namespace

std::optional<report::Thumbnail> make_thumbnail(const fs::path& file,
                                                const std::optional<report::Cut>& cut,
                                                int64_t max_edge) {
  try {
    data::Image image = data::decode_image_file(file).image;
    if (cut && fits(*cut)) image = cut_out(image, *cut);
    return report::Thumbnail{
        "image/webp",
        data::encode_image(made_smaller(std::move(image), max_edge), "webp", kQuality)};
  } catch (const util::DataError&) {
    return std::nullopt;
  }
}

int run_report(const std::vector<std::string>& args) {
  fs::path folder;
  fs::path file;
  for (size_t i = 0; i < args.size(); ++i) {
    constexpr std::string_view kOption = "--output";
    if (args[i] == kOption && i + 1 < args.size()) {
      file = args[++i];
    } else if (args[i].starts_with("--output=")) {
      file = args[i].substr(kOption.size() + 1);
    } else if (folder.empty() && !args[i].starts_with("-")) {
      folder = args[i];
    } else {
      throw util::ConfigError(fmt::format(
          "report: \"{}\" is not expected; write omnigen-dist report OUTPUT_DIR [--output FILE]",
          args[i]));
    }
  }
  if (folder.empty()) {
    throw util::ConfigError("report wants the output_dir of a run: omnigen-dist report OUTPUT_DIR");
  }
  const std::string page = page_of(folder);
  if (file.empty()) file = folder / "report.html";
  io::write_atomically(file, page);
  fmt::print("{} ({:.1f} MB)\n", file.string(), static_cast<double>(page.size()) / 1e6);
  return util::kExitDone;
}

void report_finished_run(const fs::path& output_dir) {
  const fs::path file = output_dir / "report.html";
  const auto warn = [&](const char* reason) {
    util::log::warn(
        fmt::format("the page of this run could not be written: {}; try omnigen-dist report {}",
                    reason, output_dir.string()));
  };
  try {
    io::write_atomically(file, page_of(output_dir));
    util::log::info(fmt::format("report: {}", file.string()));
  } catch (const c10::Error& error) {
    warn(error.what_without_backtrace());
  } catch (const std::exception& error) {
    warn(error.what());
  }
}

}  // namespace omnigen::train
