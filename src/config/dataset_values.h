// Fields of a data set that are neither number, word nor text: lists and the shuffle object.
#pragma once

#include <string>
#include <vector>

#include "config/dataset_config.h"
#include "config/field.h"

namespace omnigen::config {

// A text, or a list of texts.
std::string assign(const Json& value, std::vector<std::string>* field);
// Numbers, or objects with aspect and weight whose weights have the sum 1.
std::string assign(const Json& value, std::vector<AspectWeight>* field);
std::string assign(const Json& value, CaptionShuffle* field);

Json field_json(const std::vector<AspectWeight>& field);
Json field_json(const CaptionShuffle& field);

inline const char* type_name(const std::vector<std::string>&) {
  return "text or list";
}
inline const char* type_name(const std::vector<AspectWeight>&) {
  return "list";
}
inline const char* type_name(const CaptionShuffle&) {
  return "object";
}

}  // namespace omnigen::config
