// Images of the untouched model, kept in `<output_dir>/benchmarks/base_model/` with what made each.
//
// `benchmark.json` maps a file's name to the hash of everything that its pixels depend on, so that
// an image is rendered again exactly when its prompt, size, sampler or base weights changed.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "validate/render_plan.h"

namespace omnigen::validate {

class BenchmarkStore {
 public:
  // Reads the record; one that is missing or damaged counts as empty.
  explicit BenchmarkStore(const std::filesystem::path& output_dir);

  [[nodiscard]] bool is_current(const ValidateOptions& options, const RenderItem& item) const;
  // Errors: Error if it cannot be written.
  void save(const ValidateOptions& options, const RenderItem& item, const std::string& png);
  // PNG bytes, or nothing where there is no current image.
  [[nodiscard]] std::string load(const ValidateOptions& options, const RenderItem& item) const;

 private:
  [[nodiscard]] std::filesystem::path file_of(const ValidateOptions& options,
                                              const RenderItem& item) const;

  std::filesystem::path folder_;
  std::map<std::string, std::string> hash_of_file_;
};

}  // namespace omnigen::validate
