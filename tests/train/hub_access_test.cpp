#include "train/hub_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class HubAccessTest : public ::testing::Test {
 protected:
  HubAccessTest() {
    variables_["PATH"] = dir_.path().string() + ":/bin:/usr/bin";
    variables_["HF_TOKEN"] = "hf_secret";
    config_.push_to_hub = true;
  }
  // A client that answers `whoami`.
  void make_client(const std::string& name, const std::string& script) {
    const auto file = dir_ / name;
    std::ofstream(file) << "#!/bin/sh\n" << script << '\n';
    ::chmod(file.c_str(), 0755);
  }
  HubAccess open() {
    return open_hub(config_, "my-project", [this](const char* name) -> const char* {
      const auto found = variables_.find(name);
      return found == variables_.end() ? nullptr : found->second.c_str();
    });
  }
  std::string error() {
    try {
      open();
    } catch (const util::ConfigError& caught) {
      return caught.what();
    }
    return "";
  }

  test::TempDir dir_;
  std::map<std::string, std::string> variables_;
  config::PublishConfig config_;
};

TEST_F(HubAccessTest, AsksWhoTheTokenBelongsTo) {
  make_client("hf", "test \"$*\" = 'auth whoami' && printf '\\033[1muser: \\033[0m somebody\\n'");
  const HubAccess access = open();
  EXPECT_EQ(access.user, "somebody");
  EXPECT_EQ(access.repository, "my-project");
  EXPECT_EQ(access.endpoint, "https://huggingface.co");
  EXPECT_TRUE(access.make_private);
  EXPECT_EQ(
      upload_command(access, {"/out", "checkpoint-5", "summary\n\nmore\nlines"}),
      (std::vector<std::string>{(dir_ / "hf").string(), "upload", "somebody/my-project", "/out",
                                "checkpoint-5", "--repo-type", "model", "--commit-message",
                                "summary", "--commit-description", "more\nlines", "--private"}));
}

TEST_F(HubAccessTest, OldClientServesToo) {
  make_client("huggingface-cli", "test \"$*\" = whoami && printf 'somebody\\norgs: a,b\\n'");
  EXPECT_EQ(open().user, "somebody");
  make_client("huggingface-cli", "echo Not logged in");
  EXPECT_THAT(error(), HasSubstr("does not take the token: Not logged in"));
}

TEST_F(HubAccessTest, RefusedTokenIsAnErrorUnlessNobodyAsks) {
  make_client("hf", "echo 401 Unauthorized; exit 1");
  EXPECT_THAT(error(), AllOf(HasSubstr("401 Unauthorized"), HasSubstr("hub_check=false"),
                             HasSubstr("[C35]"), Not(HasSubstr("hf_secret"))));
  config_.hub_check = false;
  EXPECT_EQ(error(), "");
  config_.model_card_private = false;
  EXPECT_THAT(upload_command(open(), {"/out", ".", "m"}), Not(::testing::Contains("--private")));
}

TEST_F(HubAccessTest, MissingClientIsAnError) {
  variables_["PATH"] = dir_.path().string();
  EXPECT_THAT(error(), AllOf(HasSubstr("neither hf nor huggingface-cli"),
                             HasSubstr("pip install huggingface_hub")));
}

TEST_F(HubAccessTest, TokenIsLookedForWhereTheClientDoes) {
  config_.hub_check = false;
  make_client("hf", "");
  variables_.erase("HF_TOKEN");
  variables_["HOME"] = (dir_ / "home").string();
  EXPECT_THAT(error(), AllOf(HasSubstr("No Hugging Face Hub token found"),
                             HasSubstr("'huggingface-cli login'"), HasSubstr("[C35]"),
                             HasSubstr("home/.cache/huggingface/token")));
  io::write_atomically(dir_ / "home/.cache/huggingface/token", "hf_secret");
  EXPECT_EQ(error(), "");
  std::filesystem::remove_all(dir_ / "home");
  variables_["HF_HOME"] = (dir_ / "hub").string();
  EXPECT_THAT(error(), HasSubstr("hub/token"));
  io::write_atomically(dir_ / "hub/token", "hf_secret");
  EXPECT_EQ(error(), "");
  std::filesystem::remove_all(dir_ / "hub");
  variables_["HUGGING_FACE_HUB_TOKEN"] = "hf_secret";
  EXPECT_EQ(error(), "");
}

TEST_F(HubAccessTest, EndpointNeedsAScheme_M50) {
  make_client("hf", "");
  variables_["HF_ENDPOINT"] = "hf-mirror.com";
  EXPECT_THAT(error(),
              HasSubstr("HF_ENDPOINT \"hf-mirror.com\": write https://hf-mirror.com [M50]"));
  variables_["HF_ENDPOINT"] = "http://localhost:8000/";
  EXPECT_EQ(open().endpoint, "http://localhost:8000");
}

TEST(HubRepository, IsAnIdAnOwnersIdOrAUrl) {
  const std::string hub = "https://huggingface.co";
  EXPECT_EQ(hub_repository("", "project", hub), "project");
  EXPECT_EQ(hub_repository("name", "project", hub), "name");
  EXPECT_EQ(hub_repository("owner/name", "project", hub), "owner/name");
  EXPECT_EQ(hub_repository("https://huggingface.co/owner/name/", "p", hub), "owner/name");
  EXPECT_EQ(hub_repository("https://huggingface.co/owner/name/tree/main", "p", hub), "owner/name");
  EXPECT_EQ(hub_repository("http://localhost:80/owner/name", "p", hub), "owner/name");
  EXPECT_EQ(hub_repository("http://local/hub/owner/name", "p", "http://local/hub"), "owner/name");
  for (const char* wrong : {"a/b/c", "two words", "-x", "/name", "https://huggingface.co"}) {
    EXPECT_THROW(hub_repository(wrong, "p", hub), util::ConfigError) << wrong;
  }
}

}  // namespace
}  // namespace omnigen::train
