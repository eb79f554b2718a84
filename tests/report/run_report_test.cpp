// The whole page as text. That a browser shows it is end_to_end/report_test.cpp.
#include "report/run_report.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "report/html.h"
#include "report/run_folder.h"
#include "util/error.h"

namespace omnigen::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string page_of(const test::RunFolder& run) {
  return run_report(run.path(), test::RunFolder::thumbnail);
}

// The page's own text: without Chart.js, which is checked by its version alone.
std::string without_library(const std::string& page) {
  const size_t begin = page.find("/*!\n * Chart.js v3");
  return page.substr(0, begin) + page.substr(page.find("</script>", begin));
}

nlohmann::ordered_json data_of(const std::string& page) {
  const std::string opening = "<script type=\"application/json\" id=\"data\">";
  const size_t begin = page.find(opening) + opening.size();
  return nlohmann::ordered_json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(RunReport, SaysWhatWasTrainedOnWhatAndHowItWent) {
  const std::string page = page_of(test::RunFolder());
  EXPECT_THAT(page, AllOf(HasSubstr("id=\"verdict\">It learns: at step 40"),
                          HasSubstr("models/tiny"), HasSubstr("1\u202f234\u202f567"),
                          HasSubstr("4 = 2 per rank × 2 ranks × 1"), HasSubstr("one (2)")));
  EXPECT_THAT(page, AllOf(HasSubstr("3 images, each 3 times an epoch"), HasSubstr("64×64"),
                          HasSubstr("before: untouched model"), HasSubstr("after: live weights"),
                          HasSubstr("after: EMA"), HasSubstr("max_grad_norm")));
}

TEST(RunReport, EveryChartHasItsPlaceAndEveryImageItsData) {
  const std::string page = page_of(test::RunFolder());
  const auto data = data_of(page);
  for (const auto& chart : data.at("charts")) {
    EXPECT_EQ(count_of(page, "data-chart=\"" + chart.at("id").get<std::string>() + "\""), 1U);
  }
  EXPECT_EQ(data.at("gallery").size(), 1U);
  EXPECT_EQ(data.at("images").size(), 6U);  // 5 of the prompt, an example
  const std::regex number("data-image=\"(\\d+)\"");
  size_t used = 0;
  for (auto it = std::sregex_iterator(page.begin(), page.end(), number);
       it != std::sregex_iterator(); ++it) {
    EXPECT_LT(std::stoul((*it)[1]), data.at("images").size());
    ++used;
  }
  EXPECT_EQ(used, 2U);
}

TEST(RunReport, NothingIsFetchedFromAnywhere) {
  const std::string page = page_of(test::RunFolder());
  EXPECT_THAT(page, HasSubstr("Chart.js v3."));
  EXPECT_THAT(page, HasSubstr("content=\"default-src 'none'; img-src data:;"));
  const std::string own = without_library(page);
  for (const char* part :
       {"http:", "https:", "src=\"/", "@import", "url(", "fetch(", "<link rel=\"style"}) {
    EXPECT_THAT(own, Not(HasSubstr(part))) << part;
  }
}

TEST(RunReport, TextsOfUsersStayText) {
  const test::RunFolder run;
  run.write("run_state.json",
            "{\"state\":\"failed\",\"error\":\"<img src=x onerror=alert(1)>\",\"step\":1}");
  const std::string page = page_of(run);
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(page, HasSubstr("a cat &lt;/script&gt;&lt;script&gt;"));
  EXPECT_EQ(count_of(page, "<script"), 3U);
  EXPECT_EQ(count_of(page, "</script>"), 3U);
}

TEST(RunReport, WorksForARunThatHasHardlyBegun) {
  const test::RunFolder run;
  for (const char* part : {"logs", "validation_images", "benchmarks", "simpletuner_config.json"}) {
    run.remove(part);
  }
  run.write("run_state.json", "{\"state\":\"starting\"}");
  const std::string page = page_of(run);
  EXPECT_THAT(page, AllOf(HasSubstr("Too early to tell"), HasSubstr("starting")));
  EXPECT_TRUE(data_of(page).at("charts").empty());
  EXPECT_THAT(page, Not(HasSubstr("id=\"all-prompts\"")));
}

TEST(RunReport, WorksForARunOfTheWholeModelWithoutFactsOrAverages) {
  const test::RunFolder run;
  run.remove("logs/run_facts.json");
  run.remove("pictures");
  run.write("simpletuner_config.json", "{\"model_type\":\"full\",\"use_ema\":false}");
  for (const char* step : {"20", "40"}) {
    run.remove(fmt::format("validation_images/unstitched/step_{}_cat_0_64x64_ema.png", step));
  }
  const std::string page = page_of(run);
  EXPECT_THAT(page, AllOf(HasSubstr("the whole model"), HasSubstr("<div class=\"shots two\">")));
}

TEST(RunReport, PicturesThatAreGoneAreSaidToBe) {
  const test::RunFolder run;
  run.remove("pictures");
  EXPECT_THAT(page_of(run), AllOf(HasSubstr("the picture is not there any more"),
                                  HasSubstr("1 pictures could not be read")));
}

TEST(RunReport, AFolderThatIsNoRunIsAnError) {
  const test::TempDir dir;
  EXPECT_THROW(run_report(dir.path(), test::RunFolder::thumbnail), util::DataError);
}

}  // namespace
}  // namespace omnigen::report
