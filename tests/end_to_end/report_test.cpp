// The page of a run: written at the end, made of records that any number of ranks writes alike, and
// shown by a browser where there is one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const std::vector<std::string> kArguments = {"--max_train_steps=4",
                                             "--eval_steps_interval=2",
                                             "--eval_timesteps=4",
                                             "--num_eval_images=5",
                                             "--validation_disable=false",
                                             "--validation_steps=2",
                                             "--validation_prompt=a-square",
                                             "--validation_resolution=64x64",
                                             "--validation_num_inference_steps=2",
                                             "--disable_benchmark=false"};

std::vector<std::string> with(const std::string& argument) {
  auto arguments = kArguments;
  arguments.push_back(argument);
  return arguments;
}

nlohmann::json facts_of(const fs::path& output) {
  return nlohmann::json::parse(io::read_file(output / "logs/run_facts.json"));
}

TEST(Report, RecordsAreTheSameAtAnyNumberOfRanks) {
  Workspace workspace;
  workspace.add_evaluation_set("held-out");
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome one = workspace.train("one", 1, with("--gradient_accumulation_steps=2"));
  ASSERT_EQ(one.exit_code, 0) << one.output;
  EXPECT_THAT(one.output,
              HasSubstr("report: " + workspace.output("one").string() + "/report.html"));
  ASSERT_EQ(workspace.train("two", 2, kArguments).exit_code, 0);
  const auto facts = facts_of(workspace.output("two"));
  EXPECT_EQ(facts_of(workspace.output("one")).at("run"), facts.at("run"));
  EXPECT_EQ(facts.at("run").at("effective_batch"), 2);
  EXPECT_EQ(facts.at("machine").at("hosts").size(), 2U);
  EXPECT_EQ(facts.at("run").at("data_sets").at(0).at("examples").at(0).at("caption"),
            "a red thing");

  const auto alone = workspace.metrics("one");
  const auto together = workspace.metrics("two");
  for (int64_t step = 1; step <= 4; ++step) {
    const auto& bins = alone.at(step).at("train_loss_by_t");
    const auto& others = together.at(step).at("train_loss_by_t");
    ASSERT_EQ(bins.size(), others.size());
    for (size_t i = 0; i < bins.size(); ++i) {
      EXPECT_EQ(bins[i][0], others[i][0]);
      EXPECT_EQ(bins[i][1], others[i][1]);
      const double loss = bins[i][2];
      EXPECT_NEAR(loss, others[i][2].get<double>(), 1e-5 * loss);
    }
  }
  const auto& untouched = together.at(0);
  EXPECT_EQ(untouched.at("loss/val_untouched_by_t/held-out").size(), 4U);
  EXPECT_EQ(untouched.at("loss/val_untouched_items/held-out").size(), 5U);
  EXPECT_GT(untouched.at("loss/val_zero/held-out").get<double>(), 0.5);
  for (const auto& [name, value] : untouched.items()) {
    if (name == "wall_time") continue;
    EXPECT_EQ(value, alone.at(0).at(name)) << name;
  }
  EXPECT_EQ(together.at(4).at("loss/val_items/held-out").size(), 5U);
  EXPECT_EQ(together.at(4).at("loss/val_ema_items/held-out").size(), 5U);
}

// What the page has come to, asked by a script of its own in the browser.
constexpr const char* kWatch = R"(<script>
window.problems = [];
addEventListener("error", (event) => problems.push(String(event.message || event.target.tagName)), true);
addEventListener("unhandledrejection", (event) => problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => problems.push("request " + event.blockedURI));
console.error = console.warn = (...what) => problems.push(what.join(" "));
</script>)";
constexpr const char* kAsk = R"(<script>
const settled = () => Promise.all([...document.images].map((image) =>
  image.complete || new Promise((done) => { image.onload = image.onerror = done; })));
addEventListener("load", async () => {
  const images = [...document.images].filter((image) => image.closest("figure").style.visibility !== "hidden");
  let moved = 0;
  for (const card of document.querySelectorAll("[data-prompt]")) {
    const picture = card.querySelector("figure[data-role=live] img");
    const before = picture.src;
    const slider = card.querySelector("input");
    slider.value = 0;
    slider.dispatchEvent(new Event("input"));
    if (picture.src !== before && picture.src.startsWith("data:image/")) ++moved;
  }
  await settled();
  const drawn = [...document.querySelectorAll("canvas")].filter((canvas) =>
    canvas.width > 0 && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean));
  const result = {
    problems, moved, images: images.length, loaded: images.filter((image) => image.naturalWidth > 0).length,
    canvases: document.querySelectorAll("canvas").length, drawn: drawn.length,
    requests: performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length,
    width: innerWidth, content: document.documentElement.scrollWidth,
    ground: getComputedStyle(document.body).backgroundColor,
  };
  parent.postMessage(JSON.stringify(result), "*");
});
</script>)";

// A frame is as narrow as it is asked to be; a window is not.
constexpr const char* kFrame = R"(<!DOCTYPE html><body><script>
onmessage = (event) => {{ document.body.textContent = "RESULT" + event.data + "END"; }};
</script><iframe src="watched.html" style="width:{}px;height:900px;border:0"></iframe></body>)";

std::string browser() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/google-chrome"}) {
    if (fs::exists(path)) return path;
  }
  return "";
}

nlohmann::json seen_at(Workspace& workspace, int width, bool dark) {
  io::write_atomically(workspace.path("frame.html"), fmt::format(kFrame, width));
  // Chromium's own sandbox does not start as root, nor in most containers.
  const Outcome outcome = workspace.run(fmt::format(
      "{} --headless=new --no-sandbox --disable-gpu --user-data-dir={} --window-size=1400,1000 "
      "--blink-settings=preferredColorScheme={} --host-resolver-rules='MAP * ~NOTFOUND' "
      "--virtual-time-budget=20000 --dump-dom file://{}",
      browser(), workspace.path("browser").string(), dark ? 0 : 1,
      workspace.path("frame.html").string()));
  const size_t begin = outcome.output.find("RESULT{");
  const size_t end = outcome.output.find("}END", begin);
  if (begin == std::string::npos || end == std::string::npos) {
    ADD_FAILURE() << "no answer from the page: " << outcome.output.substr(0, 2000);
    return nlohmann::json::object();
  }
  return nlohmann::json::parse(outcome.output.substr(begin + 6, end + 1 - begin - 6));
}

TEST(Report, ABrowserShowsThePageWithoutErrorsOrRequests) {
  if (browser().empty()) GTEST_SKIP() << "no Chromium: apt-get install chromium";
  Workspace workspace;
  workspace.add_evaluation_set("held-out");
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 2, kArguments).exit_code, 0);
  std::string page = io::read_file(workspace.output("run") / "report.html");
  page.insert(page.find("<title>"), kWatch);
  page.insert(page.rfind("</body>"), kAsk);
  io::write_atomically(workspace.path("watched.html"), page);
  for (const auto& [width, dark] :
       {std::pair{1280, false}, {1280, true}, {390, false}, {390, true}}) {
    const auto seen = seen_at(workspace, width, dark);
    ASSERT_TRUE(seen.contains("problems"));
    EXPECT_EQ(seen.at("problems"), nlohmann::json::array()) << width;
    EXPECT_GE(seen.at("images").get<int>(), 12);  // two prompts of three, five examples and more
    EXPECT_EQ(seen.at("loaded"), seen.at("images"));
    EXPECT_EQ(seen.at("moved"), 2);
    EXPECT_GE(seen.at("canvases").get<int>(), 6);
    EXPECT_EQ(seen.at("drawn"), seen.at("canvases"));
    EXPECT_EQ(seen.at("requests"), 0);
    EXPECT_EQ(seen.at("width"), width);
    EXPECT_LE(seen.at("content").get<int>(), seen.at("width").get<int>()) << "scrolls sideways";
    EXPECT_EQ(seen.at("ground"), dark ? "rgb(22, 24, 27)" : "rgb(251, 251, 250)");
  }
}

TEST(Report, AFolderThatIsNoRunEndsWithTheCodeOfData) {
  Workspace workspace;
  const Outcome outcome =
      workspace.run(fmt::format("{}/omnigen-dist report pictures", OMNIGEN_BINARY_DIR));
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.output, HasSubstr("pictures is not the folder of a run"));
}

}  // namespace
}  // namespace omnigen::test
