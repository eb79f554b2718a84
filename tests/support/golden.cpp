#include "support/golden.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "io/safetensors_reader.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;

io::SafetensorsReader reader_of(const GoldenCase& golden) {
  return io::SafetensorsReader(golden.path.string() + ".safetensors");
}

}  // namespace

fs::path golden_dir() {
  const char* from_environment = std::getenv("OMNIGEN_GOLDEN_DIR");
  return from_environment != nullptr ? fs::path(from_environment)
                                     : fs::path(OMNIGEN_SOURCE_DIR) / "tests/golden";
}

nlohmann::json read_json(const fs::path& path) {
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot open " + path.string());
  return nlohmann::json::parse(stream);
}

bool GoldenCase::has(const std::string& tensor) const {
  return reader_of(*this).contains(tensor);
}

at::Tensor GoldenCase::operator[](const std::string& tensor) const {
  return reader_of(*this).tensor(tensor).clone();
}

std::vector<std::string> GoldenCase::names() const {
  return names_below("");
}

std::vector<std::string> GoldenCase::names_below(const std::string& prefix) const {
  std::vector<std::string> found;
  const io::SafetensorsReader reader = reader_of(*this);
  for (const auto& [name, info] : reader.tensors()) {
    if (name.starts_with(prefix)) found.push_back(name.substr(prefix.size()));
  }
  return found;
}

std::vector<GoldenCase> golden_cases(const std::string& folder, const std::string& prefix) {
  std::vector<GoldenCase> cases;
  for (const auto& entry : fs::directory_iterator(golden_dir() / folder)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".safetensors" || !path.stem().string().starts_with(prefix)) continue;
    fs::path stem = path.parent_path() / path.stem();
    const fs::path description = stem.string() + ".json";
    if (fs::exists(description)) cases.push_back({std::move(stem), read_json(description)});
  }
  std::sort(cases.begin(), cases.end(),
            [](const GoldenCase& a, const GoldenCase& b) { return a.path < b.path; });
  if (cases.empty())
    throw std::runtime_error("no golden case in " + (golden_dir() / folder).string());
  return cases;
}

GoldenCase golden_case(const std::string& folder, const std::string& name) {
  const fs::path stem = golden_dir() / folder / name;
  return {stem, read_json(stem.string() + ".json")};
}

std::string test_name(const std::string& text) {
  std::string name = text;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

}  // namespace omnigen::test
