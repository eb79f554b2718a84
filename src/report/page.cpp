#include "report/page.h"

#include <fmt/format.h>

#include "report/html.h"

namespace omnigen::report {

std::string render(const Page& page) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
      "<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n",
      escape_html(page.title));
  html += "<style>\n";
  html += assets::style();
  html += "</style>\n</head>\n<body>\n";
  html += page.body;
  html += "<script type=\"application/json\" id=\"data\">";
  html += json_for_script(page.data);
  html += "</script>\n<script>\n";
  html += assets::chart_library();
  html += "\n</script>\n<script>\n";
  html += assets::script();
  html += "</script>\n</body>\n</html>\n";
  return html;
}

}  // namespace omnigen::report
