#include "end_to_end/workspace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "io/atomic_file.h"
#include "util/hash.h"
#include "util/stopwatch.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = OMNIGEN_SOURCE_DIR;
const fs::path kBuild = OMNIGEN_BINARY_DIR;

const std::map<std::string, std::string> kPictures = {{"jpeg_444.jpeg", "a red thing"},
                                                      {"jpeg_baseline.jpg", "a wide picture"},
                                                      {"jpeg_progressive.jpg", "a tall picture"},
                                                      {"png_rgb8.png", "a square"},
                                                      {"webp_lossy.webp", "another wide picture"}};

std::string mpirun(int ranks, const std::string& program) {
  return fmt::format("{} -n {} {}", (kSource / "launch/mpirun.sh").string(), ranks,
                     (kBuild / program).string());
}

}  // namespace

Workspace::Workspace() {
  fs::create_directories(path("pictures"));
  for (const auto& [name, caption] : kPictures) {
    fs::copy(kSource / "tests/golden/data/images" / name, path("pictures/" + name));
    std::ofstream(path("pictures/" + fs::path(name).stem().string() + ".txt")) << caption;
  }
  config = {{"pretrained_model_name_or_path", (kSource / "tests/golden/tiny-omnigen").string()},
            {"data_backend_config", path("multidatabackend.json").string()},
            {"lycoris_config", path("lycoris_config.json").string()},
            {"model_family", "omnigen"},
            {"model_type", "lora"},
            {"lora_type", "lycoris"},
            {"resolution", 64},
            {"resolution_type", "pixel_area"},
            {"aspect_bucket_alignment", 16},
            {"mixed_precision", "no"},
            {"vae_dtype", "fp32"},
            {"optimizer", "torch-adamw"},
            {"learning_rate", 1e-3},
            {"lr_scheduler", "constant"},
            {"max_train_steps", 20},
            {"num_train_epochs", 0},
            {"train_batch_size", 1},
            {"gradient_accumulation_steps", 1},
            {"checkpointing_steps", 5},
            {"checkpoints_total_limit", 0},
            {"use_ema", true},
            {"seed", 42},
            {"disable_benchmark", true},
            {"validation_disable", true},
            {"report_to", "none"}};
  datasets = nlohmann::json::array({{{"id", "pictures"},
                                     {"type", "local"},
                                     {"instance_data_dir", path("pictures").string()},
                                     {"cache_dir_vae", path("cache").string()},
                                     {"caption_strategy", "textfile"},
                                     {"crop", false},
                                     {"resolution", 64},
                                     {"resolution_type", "pixel_area"},
                                     {"repeats", 1}}});
  io::write_atomically(path("lycoris_config.json"),
                       io::read_file(kSource / "tests/end_to_end/lycoris_config.json"));
}

void Workspace::add_evaluation_set(const std::string& id) {
  nlohmann::json entry = datasets.front();
  entry.update({{"id", id}, {"dataset_type", "eval"}, {"cache_dir_vae", path("cache-" + id)}});
  datasets.push_back(entry);
}

void Workspace::write_config() const {
  io::write_atomically(path("config.json"), config.dump(2));
  io::write_atomically(path("multidatabackend.json"), datasets.dump(2));
}

Outcome Workspace::run(const std::string& command) {
  const util::Stopwatch watch;
  Outcome outcome;
  FILE* pipe = ::popen(fmt::format("cd {} && ( {} ) 2>&1", path().string(), command).c_str(), "r");
  std::array<char, 4096> buffer{};
  while (size_t size = ::fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.output.append(buffer.data(), size);
  }
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.seconds = watch.elapsed_s();
  return outcome;
}

Outcome Workspace::build_cache(int ranks) {
  write_config();
  return run(mpirun(ranks, "omnigen-cache") + " build --config config.json");
}

std::string Workspace::train_command(const std::string& name, int ranks,
                                     const std::vector<std::string>& arguments) const {
  return fmt::format("{} --config config.json --output_dir={} {}", mpirun(ranks, "omnigen-dist"),
                     output(name).string(), fmt::join(arguments, " "));
}

Outcome Workspace::train(const std::string& name, int ranks,
                         const std::vector<std::string>& arguments) {
  write_config();
  return run(train_command(name, ranks, arguments));
}

pid_t Workspace::start_training(const std::string& name, int ranks,
                                const std::vector<std::string>& arguments) {
  write_config();
  const std::string command = fmt::format("cd {} && exec {} > {}.log 2>&1", path().string(),
                                          train_command(name, ranks, arguments), name);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  ::setpgid(pid, pid);
  return pid;
}

std::map<int64_t, nlohmann::json> Workspace::metrics(const std::string& name) const {
  std::map<int64_t, nlohmann::json> rows;
  std::ifstream stream(output(name) / "logs/metrics.jsonl");
  for (std::string line; std::getline(stream, line);) {
    auto row = nlohmann::json::parse(line);
    rows[row.at("step").get<int64_t>()].update(row);
  }
  return rows;
}

bool wait_for(const fs::path& path, double limit_s) {
  const util::Stopwatch watch;
  while (!fs::exists(path)) {
    if (watch.elapsed_s() > limit_s) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stream(entry.path() / "cmdline", std::ios::binary);
    std::ostringstream line;
    line << stream.rdbuf();
    if (line.str().find(text) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

void kill_group(pid_t group) {
  ::kill(-group, SIGKILL);
  ::waitpid(group, nullptr, 0);
}

void expect_equal_files(const fs::path& a, const fs::path& b) {
  EXPECT_EQ(util::xxh3_64_file(a), util::xxh3_64_file(b)) << a << " and " << b;
}

}  // namespace omnigen::test
