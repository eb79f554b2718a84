// A published `config.json`: typed members, absent or null ones at their default.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace omnigen::model {

class JsonConfig {
 public:
  // Errors (all members): DataError naming file and key.
  explicit JsonConfig(const std::filesystem::path& path);

  [[nodiscard]] bool has(const std::string& key) const;
  [[nodiscard]] bool is_object(const std::string& key) const;
  [[nodiscard]] int64_t integer(const std::string& key, int64_t otherwise) const;
  [[nodiscard]] double number(const std::string& key, double otherwise) const;
  [[nodiscard]] bool boolean(const std::string& key, bool otherwise) const;
  [[nodiscard]] std::string text(const std::string& key, const std::string& otherwise) const;
  [[nodiscard]] std::vector<int64_t> integers(const std::string& key,
                                              std::vector<int64_t> otherwise) const;
  [[nodiscard]] std::vector<double> numbers(const std::string& key,
                                            std::vector<double> otherwise) const;
  [[nodiscard]] std::vector<std::string> texts(const std::string& key) const;
  // The object under `key`; its errors name "key.member".
  [[nodiscard]] JsonConfig object(const std::string& key) const;

  // The member must be absent, null or equal to the only value that is computed here.
  void require(const std::string& key, const nlohmann::json& value) const;
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

 private:
  JsonConfig(std::string where, nlohmann::json json);
  [[nodiscard]] const nlohmann::json* find(const std::string& key) const;
  template <class T>
  std::vector<T> list(const std::string& key, std::vector<T> otherwise,
                      bool (nlohmann::json::*is_type)() const, const char* what) const;

  std::string where_;  // "<path>: " and the enclosing keys
  nlohmann::json json_;
};

}  // namespace omnigen::model
