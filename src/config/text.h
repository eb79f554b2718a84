// Small text helpers of the configuration: lists, case, and the nearest known name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace omnigen::config {

std::string lower(std::string_view text);
std::string trim(std::string_view text);
std::string replace_all(std::string text, std::string_view from, std::string_view to);
bool starts_with(std::string_view text, std::string_view prefix);
// Pieces between any of the separators, trimmed; empty pieces vanish.
std::vector<std::string> split_words(std::string_view text, std::string_view separators);
// Levenshtein distance in bytes, a swap of two neighbours counting as one.
size_t edit_distance(std::string_view left, std::string_view right);
// The known name nearest to `name`, within 2 edits (3 from twelve characters on); empty: none is
// near.
std::string nearest(const std::string& name, const std::vector<std::string>& known);

}  // namespace omnigen::config
