#include "data/discovery.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>
#include <unordered_set>

#include "util/error.h"

namespace omnigen::data {
namespace {

namespace fs = std::filesystem;

const std::unordered_set<std::string_view>& image_suffixes() {
  static const std::unordered_set<std::string_view> kSuffixes = {
      ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp",
      ".tif", ".tiff", ".gif", ".ppm",  ".pgm", ".pbm",  ".pnm"};
  return kSuffixes;
}

// What SimpleTuner takes as well: the rest of Pillow's list, video and sound.
const std::unordered_set<std::string_view>& foreign_suffixes() {
  static const std::unordered_set<std::string_view> kSuffixes = {
      ".aac", ".apng", ".avi",  ".avif", ".avifs", ".blp",  ".bufr", ".bw",   ".cur",  ".dcx",
      ".dds", ".dib",  ".emf",  ".eps",  ".fit",   ".fits", ".flac", ".flc",  ".fli",  ".ftc",
      ".ftu", ".gbr",  ".grib", ".h5",   ".hdf",   ".icb",  ".icns", ".ico",  ".iim",  ".im",
      ".j2c", ".j2k",  ".jp2",  ".jpc",  ".jpf",   ".jpx",  ".jxl",  ".m4a",  ".mkv",  ".mov",
      ".mp3", ".mp4",  ".mpeg", ".mpg",  ".mpo",   ".msp",  ".ogg",  ".palm", ".pcd",  ".pcx",
      ".pdf", ".pfm",  ".ps",   ".psd",  ".pxr",   ".qoi",  ".ras",  ".rgb",  ".rgba", ".sgi",
      ".tga", ".vda",  ".vst",  ".wav",  ".webm",  ".wmf",  ".xbm",  ".xpm",  ".heic", ".heif"};
  return kSuffixes;
}

const std::unordered_set<std::string_view>& excluded_folders() {
  static const std::unordered_set<std::string_view> kFolders = {
      ".Spotlight-V100", ".Trashes", ".fseventsd", ".TemporaryItems", ".zfs", ".ipynb_checkpoints"};
  return kFolders;
}

// From the last dot on, in lower case; ".png" alone is a suffix too.
std::string suffix_of(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return "";
  std::string suffix(name.substr(dot));
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return suffix;
}

class Walk {
 public:
  explicit Walk(fs::path root) : root_(std::move(root)) {}

  Discovery run() {
    enter(root_, "");
    // Links to folders wait until all real folders are known: so a folder keeps its real path.
    while (!links_.empty()) {
      const auto link = links_.extract(links_.begin());
      enter(root_ / link.value(), link.value() + "/");
    }
    std::sort(found_.paths.begin(), found_.paths.end());
    return std::move(found_);
  }

 private:
  // `prefix` is the folder's relative path with its '/'.
  void enter(const fs::path& folder, const std::string& prefix) {
    if (!is_new(folder)) {
      ++found_.num_repeated_folders;
      return;
    }
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    if (error) refuse(folder, error);
    std::vector<std::string> real_folders;
    for (; entries != fs::directory_iterator(); entries.increment(error)) {
      if (error) refuse(folder, error);
      visit(*entries, prefix, real_folders);
    }
    for (const std::string& name : real_folders) enter(folder / name, prefix + name + "/");
  }

  void visit(const fs::directory_entry& entry, const std::string& prefix,
             std::vector<std::string>& real_folders) {
    const std::string name = entry.path().filename().string();
    std::error_code error;
    const bool link = entry.is_symlink(error);
    const fs::file_status status = entry.status(error);
    if (link && (error || !fs::exists(status))) {
      ++found_.num_broken_links;
      return;
    }
    if (error) refuse(entry.path(), error);
    if (fs::is_directory(status)) {
      if (excluded_folders().contains(name)) return;
      if (link) {
        links_.insert(prefix + name);
      } else {
        real_folders.push_back(name);
      }
    } else if (fs::is_regular_file(status)) {
      add_file(name, prefix);
    }
  }

  void add_file(const std::string& name, const std::string& prefix) {
    if (name.starts_with("._")) {
      ++found_.num_resource_forks;
    } else if (is_image_name(name)) {
      found_.paths.push_back(prefix + name);
    } else {
      ++found_.other_suffixes[suffix_of(name)];
    }
  }

  bool is_new(const fs::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) {
      refuse(folder, std::error_code(errno, std::generic_category()));
    }
    return seen_.insert({status.st_dev, status.st_ino}).second;
  }

  [[noreturn]] void refuse(const fs::path& path, const std::error_code& error) const {
    throw util::DataError(fmt::format("folder {}: cannot be scanned: {} (while scanning {})",
                                      path.string(), error.message(),
                                      fs::absolute(root_).string()));
  }

  fs::path root_;
  Discovery found_;
  std::set<std::string> links_;             // relative paths of links to folders
  std::set<std::pair<dev_t, ino_t>> seen_;  // real folders
};

// E11: what was there instead.
std::string no_image_message(const fs::path& folder, const Discovery& found) {
  std::string suffixes;
  for (const auto& [suffix, count] : found.other_suffixes) {
    suffixes += fmt::format("{}{} {}", suffixes.empty() ? "" : ", ", count,
                            suffix.empty() ? "without suffix" : suffix);
  }
  std::string message =
      fmt::format("folder {}: no image found. Other files: {}", fs::absolute(folder).string(),
                  suffixes.empty() ? "none" : suffixes);
  if (found.num_resource_forks > 0) {
    message += fmt::format(", {} beginning with ._", found.num_resource_forks);
  }
  if (found.num_repeated_folders > 0) {
    message += fmt::format("; {} links to folders scanned already were not followed",
                           found.num_repeated_folders);
  }
  if (found.num_broken_links > 0) {
    message += fmt::format("; {} links lead nowhere", found.num_broken_links);
  }
  return message +
         ". Images end in jpg, jpeg, png, webp, bmp, tiff, gif or ppm; is instance_data_dir right?";
}

}  // namespace

bool is_image_name(std::string_view name) {
  return image_suffixes().contains(suffix_of(name));
}

Discovery discover_images(const fs::path& folder) {
  Discovery found = Walk(folder).run();
  if (found.paths.empty()) throw util::DataError(no_image_message(folder, found));
  return found;
}

std::vector<std::string> discovery_warnings(const Discovery& found) {
  std::vector<std::string> warnings;
  for (const auto& [suffix, count] : found.other_suffixes) {
    if (!foreign_suffixes().contains(suffix)) continue;
    warnings.push_back(
        fmt::format("{} {} with suffix {} ignored", count, count == 1 ? "file" : "files", suffix));
  }
  return warnings;
}

void check_folders(const std::vector<std::pair<std::string, fs::path>>& folders) {
  std::string missing;
  for (const auto& [id, folder] : folders) {
    std::error_code ignored;
    if (fs::exists(folder, ignored)) continue;
    const fs::path parent = fs::absolute(folder).parent_path();
    missing += fmt::format("\n  data set \"{}\": {} ({} {})", id, fs::absolute(folder).string(),
                           parent.string(),
                           fs::exists(parent, ignored) ? "exists" : "does not exist either");
  }
  if (missing.empty()) return;
  throw util::DataError(fmt::format("instance_data_dir does not exist, seen from {}:{}",
                                    fs::current_path().string(), missing));
}

}  // namespace omnigen::data
