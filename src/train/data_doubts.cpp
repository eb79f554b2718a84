#include "train/data_doubts.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

// Real paths of the pictures.
std::set<std::string> files_of(const data::Dataset& dataset,
                               const std::map<std::string, fs::path>& folders) {
  std::set<std::string> files;
  const auto folder = folders.find(dataset.id());
  if (folder == folders.end()) return files;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    files.insert((folder->second / dataset.meta(i).path).string());
  }
  return files;
}

void doubt_shares(const RunData& data, std::vector<std::string>* doubts) {
  constexpr double kMost = 0.95;
  double total = 0;
  const auto samples = [](const LoaderSet& set) {
    return static_cast<double>(set.set.dataset->size() * (set.set.repeats + 1));
  };
  for (const LoaderSet& set : data.train) total += samples(set);
  if (data.train.size() < 2 || total <= 0) return;
  for (const LoaderSet& set : data.train) {
    const double share = samples(set) / total;
    if (share <= kMost) continue;
    doubts->push_back(fmt::format(
        "dataset \"{}\" supplies {:.0f}% of the samples; repeats (now {}) of it or of the others "
        "would balance them [M32]",
        set.set.dataset->id(), 100 * share, set.set.repeats));
  }
}

}  // namespace

std::vector<std::string> data_doubts(const std::vector<config::DatasetConfig>& datasets,
                                     const RunData& data) {
  std::vector<std::string> doubts;
  doubt_shares(data, &doubts);
  std::map<std::string, fs::path> folders;
  for (const config::DatasetConfig& dataset : datasets) {
    std::error_code ignored;
    if (!dataset.instance_data_dir.empty())
      folders[dataset.id] = fs::weakly_canonical(dataset.instance_data_dir, ignored);
  }
  for (const data::DatasetPtr& held_out : data.eval) {
    const std::set<std::string> evaluated = files_of(*held_out, folders);
    for (const LoaderSet& set : data.train) {
      size_t shared = 0;
      for (const std::string& file : files_of(*set.set.dataset, folders)) {
        shared += evaluated.count(file);
      }
      if (shared == 0) continue;
      doubts.push_back(
          fmt::format("{} files are in both \"{}\" and \"{}\": the evaluation loss will flatter "
                      "the model. Take them out of one [M41]",
                      shared, held_out->id(), set.set.dataset->id()));
    }
  }
  return doubts;
}

}  // namespace omnigen::train
