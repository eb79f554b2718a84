// Reference numbers: `<case>.safetensors` beside `<case>.json`, in the layout of
// tests/golden/README.md.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace omnigen::test {

// $OMNIGEN_GOLDEN_DIR, or the project's own copy.
std::filesystem::path golden_dir();

struct GoldenCase {
  std::filesystem::path path;  // without extension
  nlohmann::json json;

  [[nodiscard]] std::string name() const { return path.filename().string(); }
  [[nodiscard]] bool has(const std::string& tensor) const;
  // Deep copy, owned by the caller.
  at::Tensor operator[](const std::string& tensor) const;
  [[nodiscard]] std::vector<std::string> names() const;
  // Names that begin with `prefix`, prefix removed.
  [[nodiscard]] std::vector<std::string> names_below(const std::string& prefix) const;
};

// Every case of a folder whose name begins with `prefix` and has both files, sorted by name.
std::vector<GoldenCase> golden_cases(const std::string& folder, const std::string& prefix = "");
GoldenCase golden_case(const std::string& folder, const std::string& name);

nlohmann::json read_json(const std::filesystem::path& path);

// A test parameter's printable name: letters, digits and underscores.
std::string test_name(const std::string& text);

}  // namespace omnigen::test
