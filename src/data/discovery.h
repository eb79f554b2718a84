// The image files of a data set's folder, in the one order that everything else depends on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omnigen::data {

struct Discovery {
  // Relative to the folder, '/' separated, raw bytes of the file system, sorted by byte.
  std::vector<std::string> paths;
  // Files that are no images of ours, by lower-case suffix (".txt", "" for none).
  std::map<std::string, int64_t> other_suffixes;
  int64_t num_resource_forks = 0;  // names that begin with "._"
  int64_t num_broken_links = 0;
  int64_t num_repeated_folders = 0;  // links to a folder that is scanned already, e.g. a loop
};

// Scans recursively, following links; a folder that is reached twice is scanned once, by its real
// path where that lies inside. Errors: DataError if the folder or one below it is missing, not a
// folder or not readable, or holds no image.
Discovery discover_images(const std::filesystem::path& folder);

// One line per suffix that SimpleTuner would have read and this program does not.
std::vector<std::string> discovery_warnings(const Discovery& found);

// A name's suffix is one of the accepted image suffixes, in any case.
bool is_image_name(std::string_view name);

// `folders`: (data set id, folder). Errors: DataError that lists all that are missing.
void check_folders(const std::vector<std::pair<std::string, std::filesystem::path>>& folders);

}  // namespace omnigen::data
