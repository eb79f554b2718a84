#include "train/hub_access.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <regex>

#include "util/child_process.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultEndpoint = "https://huggingface.co";
constexpr double kAskLimitSeconds = 60.0;
constexpr size_t kTailBytes = 500;

std::string text_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::vector<fs::path> token_files(const Environment& environment) {
  std::vector<fs::path> files;
  const std::string named = text_of(environment, "HF_TOKEN_PATH");
  const std::string hub_home = text_of(environment, "HF_HOME");
  const std::string home = text_of(environment, "HOME");
  if (!named.empty()) files.emplace_back(named);
  if (!hub_home.empty()) files.push_back(fs::path(hub_home) / "token");
  if (!home.empty()) files.push_back(fs::path(home) / ".cache/huggingface/token");
  return files;
}

void require_token(const Environment& environment) {
  std::string places = "HF_TOKEN, HUGGING_FACE_HUB_TOKEN";
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (!text_of(environment, name).empty()) return;
  }
  for (const fs::path& file : token_files(environment)) {
    std::error_code ignored;
    if (fs::file_size(file, ignored) > 0 && !ignored) return;
    places += ", " + file.string();
  }
  throw util::ConfigError(fmt::format(
      "config error: push_to_hub: No Hugging Face Hub token found ({}). Please ensure you have "
      "logged in with 'huggingface-cli login'. [C35]",
      places));
}

fs::path find_client(const Environment& environment) {
  const std::string path = text_of(environment, "PATH");
  for (const char* name : {"hf", "huggingface-cli"}) {
    const auto found = util::find_program(name, path);
    if (found) return *found;
  }
  throw util::ConfigError(
      "config error: push_to_hub: the Hub's client is not here: neither hf nor huggingface-cli is "
      "on PATH. Install it with \"pip install huggingface_hub\", or leave push_to_hub out and "
      "upload output_dir later [C35]");
}

// Without the escape sequences of a terminal's colours.
std::string plain(const std::string& text) {
  static const std::regex kColour("\x1b\\[[0-9;]*m");
  return std::regex_replace(text, kColour, "");
}

// The first word that names somebody: of "user: NAME", or of the first line.
std::string user_in(const std::string& answer) {
  size_t begin = answer.find("user:");
  begin = begin == std::string::npos ? 0 : begin + std::string_view("user:").size();
  begin = std::min(answer.find_first_not_of(" \t", begin), answer.size());
  return answer.substr(begin, answer.find_first_of(" \t\r\n", begin) - begin);
}

std::string ask_user(const fs::path& client, const std::string& endpoint) {
  const fs::path answer = fs::temp_directory_path() / fmt::format("omnigen-whoami-{}", ::getpid());
  fs::remove(answer);
  std::vector<std::string> command = {client.string()};
  if (client.filename() == "hf") command.emplace_back("auth");
  command.emplace_back("whoami");
  util::ChildProcess child({command, answer});
  const auto code = child.wait(kAskLimitSeconds);
  const std::string text = plain(util::tail_of(answer, kTailBytes));
  fs::remove(answer);
  // The old client says so with code 0.
  if (code == 0 && text.find("Not logged in") == std::string::npos) return user_in(text);
  throw util::ConfigError(fmt::format(
      "config error: push_to_hub: {} does not take the token{}: {}. Log in with 'huggingface-cli "
      "login', or set hub_check=false on a machine without network [C35]",
      endpoint, code ? "" : fmt::format(" within {:g} s", kAskLimitSeconds), text));
}

}  // namespace

std::string hub_endpoint(const Environment& environment) {
  std::string endpoint = text_of(environment, "HF_ENDPOINT");
  if (endpoint.empty()) return kDefaultEndpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (!endpoint.starts_with("https://") && !endpoint.starts_with("http://")) {
    throw util::ConfigError(
        fmt::format("config error: HF_ENDPOINT \"{0}\": write https://{0} [M50]", endpoint));
  }
  return endpoint;
}

std::string hub_repository(const std::string& hub_model_id, const std::string& project,
                           const std::string& endpoint) {
  std::string id = hub_model_id.empty() ? project : hub_model_id;
  const size_t scheme = id.find("://");
  if (scheme != std::string::npos) {  // what follows the endpoint, or else any host
    const size_t host_end =
        id.starts_with(endpoint + "/") ? endpoint.size() : id.find('/', scheme + 3);
    id.erase(0, host_end == std::string::npos ? id.size() : host_end + 1);
    const size_t second = id.find('/', std::min(id.find('/'), id.size() - 1) + 1);
    id.resize(std::min(second, id.size()));
  }
  while (id.ends_with('/')) id.pop_back();
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' ||
           c == '/';
  };
  if (id.empty() || std::count(id.begin(), id.end(), '/') > 1 ||
      !std::all_of(id.begin(), id.end(), allowed) || id.starts_with('/') || id.starts_with('-')) {
    throw util::ConfigError(
        fmt::format("config error: hub_model_id: \"{}\" is no repository; write name or "
                    "owner/name, of letters, digits, -, _ and . [7.1]",
                    hub_model_id.empty() ? project : hub_model_id));
  }
  return id;
}

HubAccess open_hub(const config::PublishConfig& config, const std::string& project,
                   const Environment& environment) {
  HubAccess access;
  access.endpoint = hub_endpoint(environment);
  access.repository = hub_repository(config.hub_model_id, project, access.endpoint);
  access.make_private = config.model_card_private;
  require_token(environment);
  access.client = find_client(environment);
  if (config.hub_check) access.user = ask_user(access.client, access.endpoint);
  return access;
}

std::vector<std::string> upload_command(const HubAccess& access, const HubUpload& upload) {
  std::string repository = access.repository;
  if (repository.find('/') == std::string::npos && !access.user.empty()) {
    repository = access.user + "/" + repository;
  }
  const size_t first_line = std::min(upload.message.find('\n'), upload.message.size());
  const size_t rest = upload.message.find_first_not_of('\n', first_line);
  std::vector<std::string> command = {access.client.string(),
                                      "upload",
                                      repository,
                                      upload.folder.string(),
                                      upload.remote,
                                      "--repo-type",
                                      "model",
                                      "--commit-message",
                                      upload.message.substr(0, first_line)};
  if (rest != std::string::npos) {
    command.insert(command.end(), {"--commit-description", upload.message.substr(rest)});
  }
  if (access.make_private) command.emplace_back("--private");
  return command;
}

}  // namespace omnigen::train
