#include "train/configure.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iostream>
#include <memory>

#include "adapter/lycoris_config.h"
#include "comm/group_factory.h"
#include "comm/job.h"
#include "data/discovery.h"
#include "io/atomic_file.h"
#include "model/omnigen_transformer.h"
#include "train/run.h"
#include "util/error.h"

namespace omnigen::train {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& text) {
  throw util::ConfigError("configure: " + text +
                          ". Usage: omnigen-dist configure [PATH] [--out DIR] [--answers FILE] "
                          "[--defaults]");
}

// A configuration file as it is named, or of a folder.
fs::path config_file(const fs::path& path) {
  const bool is_file = path.extension() == ".json" && !fs::is_directory(path);
  return fs::absolute(is_file ? path : path / "config.json").lexically_normal();
}

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &local);
  return text.data();
}

int64_t num_images(const fs::path& folder) {
  int64_t count = 0;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(
           folder, fs::directory_options::skip_permission_denied, ignored)) {
    if (data::is_image_name(entry.path().filename().string())) ++count;
  }
  return count;
}

std::optional<double> free_bytes(const fs::path& path) {
  fs::path there = fs::absolute(path);
  std::error_code error;
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  const fs::space_info space = fs::space(there, error);
  if (error) return std::nullopt;
  return static_cast<double>(space.available);
}

config::Surroundings surroundings(const fs::path& folder) {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  const auto shape = model::TransformerConfig::omnigen_v1();
  config::Surroundings around;
  around.environment = comm::environment_variable;
  around.folder = folder;
  if (const auto bytes = comm::smallest_gpu_bytes()) around.gpu_gib = *bytes / kGiB;
  around.free_bytes = free_bytes;
  around.num_images = num_images;
  around.num_adapter_parameters = [shape](const config::Json& lycoris) {
    const auto plan = adapter::LycorisConfig::from_json(lycoris, "lycoris_config");
    const nn::ModuleTree tree = model::module_tree(shape);
    int64_t count = 0;
    for (const auto& layer : plan.plan(tree, nullptr)) count += layer.num_parameters;
    return count;
  };
  around.num_model_parameters = model::num_parameters(shape);
  return around;
}

}  // namespace

ConfigureArguments parse_configure(const std::vector<std::string>& args) {
  ConfigureArguments parsed;
  std::string path;
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) {
    const size_t equals = args[i].find('=');
    const std::string name = args[i].substr(0, equals);
    const auto value = [&]() -> std::string {
      if (equals != std::string::npos) return args[i].substr(equals + 1);
      if (i + 1 == args.size()) fail(name + " needs a value");
      return args[++i];
    };
    if (name == "--out") {
      out = value();
    } else if (name == "--answers") {
      parsed.answers = value();
    } else if (name == "--defaults") {
      parsed.defaults = true;
    } else if (name.starts_with("-") || !path.empty()) {
      fail(fmt::format("what is \"{}\"?", args[i]));
    } else {
      path = args[i];
    }
  }
  parsed.config = out.empty() ? config_file(path.empty() ? "config" : path)
                              : config_file(fs::path(out) / "config.json");
  const fs::path earlier = path.empty() ? parsed.config : config_file(path);
  if (fs::is_regular_file(earlier)) parsed.earlier = earlier;
  return parsed;
}

void write_set(const std::vector<std::pair<fs::path, std::string>>& files, const std::string& stamp,
               config::Interview& talk) {
  std::vector<fs::path> differing;
  for (const auto& [path, text] : files) {
    if (!fs::exists(path)) continue;
    const std::string earlier = io::read_file(path);
    if (earlier == text) continue;
    differing.push_back(path);
    talk.say(fmt::format("\n{} is there:\n{}", path.string(), earlier));
  }
  const auto backup = [&](const fs::path& path) { return path.string() + ".bak-" + stamp; };
  if (!differing.empty() &&
      !talk.confirm("overwrite",
                    fmt::format("Overwrite {} file{} (kept as {} and so on)", differing.size(),
                                differing.size() == 1 ? "" : "s", backup(differing.front())),
                    false)) {
    throw util::ConfigError(
        fmt::format("configure: {} is not to be overwritten; nothing was written. Name another "
                    "folder with --out, or answer yes to \"overwrite\"",
                    differing.front().string()));
  }
  for (const fs::path& path : differing) fs::copy_file(path, backup(path));
  for (const auto& [path, text] : files) {
    io::write_atomically(path, text);
    talk.say("wrote " + path.string());
  }
}

fs::path write_configuration(const ConfigureArguments& arguments, std::istream& in,
                             std::ostream& out) {
  using config::Json;
  const bool listed = arguments.defaults || !arguments.answers.empty();
  const Json answers =
      arguments.answers.empty() ? Json::object() : config::read_json(arguments.answers);
  config::Interview talk = listed ? config::Interview(answers, out) : config::Interview(in, out);
  const Json earlier =
      arguments.earlier.empty() ? Json::object() : config::read_json(arguments.earlier);
  if (!listed) talk.say("Enter takes the value in brackets; nothing is written before the end.");
  if (!earlier.empty()) talk.say("Values of " + arguments.earlier.string() + " are in brackets.");

  const fs::path folder = arguments.config.parent_path();
  const config::ConfigureFiles made = config::ask_all(surroundings(folder), earlier, talk);
  std::vector<std::pair<fs::path, std::string>> files;
  const auto add = [&](const fs::path& path, const Json& json) {
    if (!json.is_null()) files.emplace_back(path, json.dump(2) + "\n");
  };
  add(arguments.config, made.config);
  add(folder / "lycoris_config.json", made.lycoris);
  add(folder / "multidatabackend.json", made.datasets);
  add(folder / "user_prompt_library.json", made.prompts);
  write_set(files, time_stamp(), talk);
  fs::create_directories(made.config.at("output_dir").get<std::string>());
  return arguments.config;
}

int run_configure(const std::vector<std::string>& args) {
  const fs::path file = write_configuration(parse_configure(args), std::cin, std::cout);
  std::cout << '\n' << std::flush;
  const int code = run_check({"--config=" + file.string()});
  return code == util::kExitData ? util::kExitDone : code;
}

}  // namespace omnigen::train
