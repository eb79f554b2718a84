#include "train/wandb_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <fstream>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A client that writes down what it is asked to do.
constexpr const char* kFakeClient = R"py(
import json, os
LOG = os.environ["FAKE_WANDB_LOG"]
def note(*what):
    with open(LOG, "a") as file:
        file.write(json.dumps(what) + "\n")
class Image:
    def __init__(self, path, caption):
        self.text = open(path).read() + "|" + caption
class Config:
    def update(self, values, allow_val_change):
        note("config", values, allow_val_change)
class Run:
    config = Config()
    def log(self, values, step):
        note("log", {key: [i.text for i in v] if isinstance(v, list) else v for key, v in values.items()}, step)
    def finish(self):
        note("finish")
def init(project, name, id, resume, dir):
    if os.path.exists(LOG + ".refuse"):
        raise RuntimeError("api_key not configured")
    note("init", project, name, len(id), resume)
    return Run()
)py";

class WandbLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* place : {"/usr/bin/python3", "/usr/local/bin/python3"}) {
      if (python_.empty() && fs::exists(place)) python_ = place;
    }
    if (python_.empty()) GTEST_SKIP() << "no python3 in /usr/bin or /usr/local/bin";
    ::setenv("FAKE_WANDB_LOG", (dir_ / "calls").c_str(), 1);
  }
  void install_client() {
    io::write_atomically(dir_ / "packages/wandb/__init__.py", kFakeClient);
    ::setenv("PYTHONPATH", (dir_ / "packages").c_str(), 1);
  }
  void TearDown() override { ::unsetenv("PYTHONPATH"); }

  [[nodiscard]] WandbOptions options() const {
    return {dir_ / "out/logs/wandb-offline", "project", "run", {{"seed", 42}}, python_,
            "omnigen-dist wandb-upload out"};
  }
  [[nodiscard]] std::string calls() const {
    return fs::exists(dir_ / "calls") ? io::read_file(dir_ / "calls") : "";
  }
  void record(int64_t step) {
    WandbLog log(options());
    log.scalars(step, {{"train_loss", 0.5}, {"bad", std::nan("")}});
    log.image({"cat - 64x64", step, "png bytes", 64, 64, "A cat"});
    log.finish();
  }

  test::TempDir dir_;
  std::string python_;
};

TEST_F(WandbLogTest, ClientGetsEverythingOnce) {
  install_client();
  record(1);
  EXPECT_EQ(calls(),
            "[\"init\", \"project\", \"run\", 32, \"allow\"]\n"
            "[\"config\", {\"seed\": 42}, true]\n"
            "[\"log\", {\"train_loss\": 0.5}, 1]\n"
            "[\"log\", {\"cat - 64x64\": [\"png bytes|A cat\"]}, 1]\n"
            "[\"finish\"]\n");
  fs::remove(dir_ / "calls");
  record(2);  // the run goes on
  EXPECT_THAT(calls(), AllOf(HasSubstr("\"allow\""), HasSubstr("{\"train_loss\": 0.5}, 2]"),
                             ::testing::Not(HasSubstr("{\"train_loss\": 0.5}, 1]"))));
}

TEST_F(WandbLogTest, WithoutClientRecordsWait) {
  ::testing::internal::CaptureStderr();
  record(1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("report_to=wandb: client not found; run \"omnigen-dist wandb-upload out\" "
                        "later on a machine with network"));
  EXPECT_EQ(calls(), "");
  install_client();
  EXPECT_EQ(upload_to_wandb(dir_ / "out", python_), 0);
  EXPECT_THAT(calls(), AllOf(HasSubstr("{\"train_loss\": 0.5}, 1]"), HasSubstr("[\"finish\"]")));
  fs::remove(dir_ / "calls");
  EXPECT_EQ(upload_to_wandb(dir_ / "out", python_), 0);
  EXPECT_EQ(calls().find("log"), std::string::npos);
}

TEST_F(WandbLogTest, ClientThatDoesNotStartIsAWarning) {
  install_client();
  std::ofstream(dir_ / "calls.refuse");
  ::testing::internal::CaptureStderr();
  record(1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("W&B did not start: api_key not configured"),
                    HasSubstr("omnigen-dist wandb-upload out")));
  EXPECT_EQ(upload_to_wandb(dir_ / "out", python_), util::kExitFailure);
}

TEST_F(WandbLogTest, UploadNeedsRecordsAndClient) {
  fs::create_directories(dir_ / "out");
  EXPECT_THROW(upload_to_wandb(dir_ / "out", python_), util::ConfigError);
  ::testing::internal::CaptureStderr();
  record(1);
  ::testing::internal::GetCapturedStderr();
  EXPECT_THROW(upload_to_wandb(dir_ / "out", python_), util::ConfigError);
  EXPECT_THROW(upload_to_wandb(dir_ / "out", ""), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::train
