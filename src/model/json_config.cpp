#include "model/json_config.h"

#include <fmt/format.h>

#include <utility>

#include "io/atomic_file.h"
#include "util/error.h"

namespace omnigen::model {

using nlohmann::json;

JsonConfig::JsonConfig(const std::filesystem::path& path) : where_(path.string() + ": ") {
  try {
    json_ = json::parse(io::read_file(path));
  } catch (const json::parse_error& error) {
    throw util::DataError(fmt::format("{}not valid JSON: {}", where_, error.what()));
  }
  if (!json_.is_object()) throw util::DataError(where_ + "expected one JSON object");
}

JsonConfig::JsonConfig(std::string where, json value)
    : where_(std::move(where)), json_(std::move(value)) {}

const json* JsonConfig::find(const std::string& key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void JsonConfig::fail(const std::string& key, const std::string& message) const {
  throw util::DataError(fmt::format("{}key '{}': {}", where_, key, message));
}

bool JsonConfig::has(const std::string& key) const {
  return find(key) != nullptr;
}

bool JsonConfig::is_object(const std::string& key) const {
  const json* value = find(key);
  return value != nullptr && value->is_object();
}

int64_t JsonConfig::integer(const std::string& key, int64_t otherwise) const {
  const json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number_integer()) {
    fail(key, fmt::format("expected a whole number, found {}", value->dump()));
  }
  return value->get<int64_t>();
}

double JsonConfig::number(const std::string& key, double otherwise) const {
  const json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number()) fail(key, fmt::format("expected a number, found {}", value->dump()));
  return value->get<double>();
}

bool JsonConfig::boolean(const std::string& key, bool otherwise) const {
  const json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) {
    fail(key, fmt::format("expected true or false, found {}", value->dump()));
  }
  return value->get<bool>();
}

std::string JsonConfig::text(const std::string& key, const std::string& otherwise) const {
  const json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) fail(key, fmt::format("expected a text, found {}", value->dump()));
  return value->get<std::string>();
}

template <class T>
std::vector<T> JsonConfig::list(const std::string& key, std::vector<T> otherwise,
                                bool (json::*is_type)() const, const char* what) const {
  const json* value = find(key);
  if (value == nullptr) return otherwise;
  const auto fits = [&](const json& item) { return (item.*is_type)(); };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), fits)) {
    fail(key, fmt::format("expected a list of {}, found {}", what, value->dump()));
  }
  return value->get<std::vector<T>>();
}

std::vector<int64_t> JsonConfig::integers(const std::string& key,
                                          std::vector<int64_t> otherwise) const {
  return list<int64_t>(key, std::move(otherwise), &json::is_number_integer, "whole numbers");
}

std::vector<double> JsonConfig::numbers(const std::string& key,
                                        std::vector<double> otherwise) const {
  return list<double>(key, std::move(otherwise), &json::is_number, "numbers");
}

std::vector<std::string> JsonConfig::texts(const std::string& key) const {
  return list<std::string>(key, {}, &json::is_string, "texts");
}

JsonConfig JsonConfig::object(const std::string& key) const {
  const json* value = find(key);
  if (value == nullptr) fail(key, "is missing; expected an object");
  if (!value->is_object()) fail(key, fmt::format("expected an object, found {}", value->dump()));
  return {fmt::format("{}in '{}': ", where_, key), *value};
}

void JsonConfig::require(const std::string& key, const json& value) const {
  const json* found = find(key);
  if (found != nullptr && *found != value) {
    fail(key, fmt::format("is {}, but only {} is supported", found->dump(), value.dump()));
  }
}

}  // namespace omnigen::model
