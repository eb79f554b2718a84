// The frame of a self-contained page: style, script and data inside, nothing fetched from anywhere.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace omnigen::report {

struct Page {
  std::string title;            // plain text
  std::string body;             // HTML
  nlohmann::ordered_json data;  // for the script: `charts`, `images`, `gallery`
};

// The page's own policy forbids every request, so that no browser sends one.
std::string render(const Page& page);

// Files of assets/ and Chart.js, built into the program (src/report/CMakeLists.txt).
namespace assets {
std::string_view style();
std::string_view script();
std::string_view chart_library();
}  // namespace assets

}  // namespace omnigen::report
