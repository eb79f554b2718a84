// An adapter as files of a folder, of either kind: LyCORIS' or PEFT's layout.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "adapter/layer_adapter.h"

namespace omnigen::adapter {

// What is written beside an adapter, ready to be written.
struct AdapterFiles {
  std::string weights_name;  // of the file in a run's folder
  std::string average_name;  // of the averaged weights' file in a checkpoint's ema/
  Tensors tensors;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string> texts;  // further files: name -> content

  // Made where it is missing. Errors: Error of the file system.
  void write(const std::filesystem::path& folder) const { write_as(weights_name, folder); }
  void write_as(const std::string& name, const std::filesystem::path& folder) const;
};

// What an adapter file says of the run that made it. Empty texts are left out.
struct FileFacts {
  int64_t step = 0;
  std::string title = {};     // the run's name
  int64_t resolution = 1024;  // pixels of a side
  std::string flavour = "v1";
  std::string comment = {};
  std::string trained_words = {};
};
// global_step and the modelspec keys.
std::map<std::string, std::string> modelspec_metadata(const FileFacts& facts);

// A file, or the one in a folder, as AdapterSet::state_dict() gives it: factors and alphas.
// Errors: DataError, also for a file that holds factors of no known kind.
Tensors read_adapter(const std::filesystem::path& path);

}  // namespace omnigen::adapter
