#include "report/run_report.h"

#include <fmt/format.h>

#include "report/charts.h"
#include "report/html.h"
#include "report/page.h"
#include "report/page_sections.h"
#include "report/run_records.h"
#include "report/verdict.h"

namespace omnigen::report {
namespace {

using Json = nlohmann::ordered_json;

Json gallery_json(const Gallery& gallery) {
  Json prompts = Json::array();
  for (const PromptImages& prompt : gallery.prompts) {
    Json shots = Json::array();
    for (const PromptImages::Shot& shot : prompt.shots) {
      shots.push_back({{"step", shot.step}, {"live", shot.live}, {"average", shot.average}});
    }
    prompts.push_back({{"shots", shots}});
  }
  return prompts;
}

std::string name_of(const RunRecords& records) {
  const std::string name = records.state.value("tracker_run_name", "");
  const auto folder = std::filesystem::absolute(records.folder / "").parent_path().filename();
  return name.empty() || name == folder.string() ? folder.string()
                                                 : fmt::format("{} ({})", folder.string(), name);
}

}  // namespace

std::string run_report(const std::filesystem::path& output_dir, const MakeThumbnail& make) {
  const RunRecords records = read_run(output_dir);
  ImageStore images(make);
  const Gallery gallery = collect_gallery(records, &images);
  const Json all_charts = charts(records);
  Page page;
  page.title = name_of(records) + " – omnigen-dist";
  page.body =
      fmt::format("<h1>{}</h1>\n<p class=\"soft\">Report of a training by omnigen-dist {}</p>\n",
                  escape_html(name_of(records)), escape_html(records.state.value("version", "")));
  page.body += verdict_section(judge(records));
  page.body += facts_section(records);
  page.body += chart_section(all_charts, "losses", "Is it getting better?");
  page.body += gallery_section(gallery);
  page.body += chart_section(all_charts, "course", "How it ran");
  page.body += data_section(records, &images);
  page.body += config_section(records);
  if (images.num_failed() > 0) {
    page.body +=
        fmt::format("<p class=\"soft\">{} pictures could not be read.</p>\n", images.num_failed());
  }
  page.data = {
      {"charts", all_charts}, {"gallery", gallery_json(gallery)}, {"images", images.uris()}};
  return render(page);
}

}  // namespace omnigen::report
