// Text of users as parts of a page: nothing in it is ever read as markup or script.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace omnigen::report {

// For text and for attributes in double quotes.
std::string escape_html(std::string_view text);
// JSON for a <script> element: "<" is written as \u003c, so that no text can end the element.
// Bytes that are not UTF-8 become U+FFFD.
std::string json_for_script(const nlohmann::ordered_json& json);
// "data:<type>;base64,…".
std::string data_uri(std::string_view type, std::string_view bytes);

}  // namespace omnigen::report
