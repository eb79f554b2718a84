#include "config/dataset_values.h"

#include <fmt/format.h>

#include <cmath>

#include "config/text.h"

namespace omnigen::config {
namespace {

std::string assign_aspect(const Json& item, AspectWeight* aspect) {
  const std::string problem = fmt::format(
      "{} is neither an aspect ratio above 0 nor an object with aspect and weight", quoted(item));
  if (item.is_number()) {
    aspect->aspect = item.get<double>();
    return aspect->aspect > 0 ? "" : problem;
  }
  if (!item.is_object() || item.size() != 2 || !item.contains("aspect") ||
      !item.contains("weight") || !item["aspect"].is_number() || !item["weight"].is_number()) {
    return problem;
  }
  aspect->aspect = item["aspect"].get<double>();
  aspect->weight = item["weight"].get<double>();
  return aspect->aspect > 0 && *aspect->weight >= 0 ? "" : problem;
}

}  // namespace

std::string assign(const Json& value, std::vector<std::string>* field) {
  field->clear();
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& item : list) {
    if (!item.is_string()) return fmt::format("{} is not a text", quoted(item));
    field->push_back(item.get<std::string>());
  }
  return "";
}

std::string assign(const Json& value, std::vector<AspectWeight>* field) {
  constexpr double kTolerance = 1e-9;
  field->clear();
  if (!value.is_array()) return fmt::format("{} is not a list of aspect ratios", quoted(value));
  double sum = 0;
  for (const Json& item : value) {
    AspectWeight aspect;
    const std::string problem = assign_aspect(item, &aspect);
    if (!problem.empty()) return problem;
    if (!field->empty() && field->front().weight.has_value() != aspect.weight.has_value()) {
      return "mixes numbers and objects; give every aspect a weight, or none";
    }
    sum += aspect.weight.value_or(0);
    field->push_back(aspect);
  }
  if (!field->empty() && field->front().weight && std::abs(sum - 1.0) > kTolerance) {
    return fmt::format("the weights have the sum {}; it must be 1", sum);
  }
  return "";
}

std::string assign(const Json& value, CaptionShuffle* field) {
  if (!value.is_object())
    return fmt::format("{} is not an object with enable, count …", quoted(value));
  for (const auto& [key, item] : value.items()) {
    if (is_unset(item)) continue;
    std::string problem;
    if (key == "enable") {
      problem = assign(item, &field->enable);
    } else if (key == "count") {
      problem = assign(item, &field->count);
    } else if (key == "seed") {
      problem = assign(item, &field->seed);
    } else if (key == "split_on") {
      problem = assign(item, &field->split_on);
    } else if (key == "position_start") {
      problem = assign(item, &field->position_start);
    } else if (key == "include_original") {
      problem = assign(item, &field->include_original);
    } else {
      problem =
          "unknown; there are enable, count, seed, split_on, position_start, include_original";
    }
    if (!problem.empty()) return fmt::format("{}: {}", key, problem);
  }
  if (field->count < 1) return fmt::format("count: {} must be at least 1", field->count);
  if (field->position_start < 0) {
    return fmt::format("position_start: {} must be at least 0", field->position_start);
  }
  if (!one_of("comma", "space", "period").problem(field->split_on).empty()) {
    return fmt::format("split_on: \"{}\" is not one of comma, space, period", field->split_on);
  }
  return "";
}

Json field_json(const std::vector<AspectWeight>& field) {
  Json list = Json::array();
  for (const AspectWeight& aspect : field) {
    if (aspect.weight) {
      list.push_back({{"aspect", aspect.aspect}, {"weight", *aspect.weight}});
    } else {
      list.push_back(aspect.aspect);
    }
  }
  return list;
}

Json field_json(const CaptionShuffle& field) {
  return {{"enable", field.enable},
          {"count", field.count},
          {"seed", field.seed},
          {"split_on", field.split_on},
          {"position_start", field.position_start},
          {"include_original", field.include_original}};
}

}  // namespace omnigen::config
