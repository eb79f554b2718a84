// The tree keeps to its architecture: who includes whom, which module holds which third party, how
// long a file may be, and that every source has a test.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace omnigen {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

const fs::path kRoot = OMNIGEN_SOURCE_DIR;
constexpr int kMaxFileLines = 400;
constexpr int kMaxHeaderLines = 150;
constexpr int kMaxFunctionLines = 60;

// docs/architecture.md, "may use". "And below" is written out.
const std::map<std::string, Names> kMayUse = {
    {"util", {}},
    {"config", {"util"}},
    {"io", {"util"}},
    {"tokenizer", {"util"}},
    {"nn", {"util"}},
    {"comm", {"config", "util"}},
    {"data", {"io", "tokenizer", "config", "util"}},
    {"model", {"nn", "io", "config", "util"}},
    {"adapter", {"nn", "io", "config", "util"}},
    {"cache", {"model", "data", "tokenizer", "comm", "nn", "io", "config", "util"}},
    {"report", {"io", "config", "util"}},
    {"optim", {"comm", "nn", "config", "util"}},
    {"validate", {"model", "adapter", "data", "comm", "tokenizer", "nn", "io", "config", "util"}},
    {"train",
     {"cache", "report", "optim", "validate", "model", "adapter", "data", "comm", "tokenizer", "nn",
      "io", "config", "util"}}};

// Third parties behind one door: who may include what begins like this.
struct Door {
  std::string name;
  std::regex header;
  Names modules;
};

std::vector<Door> doors() {
  Names torch_users;
  for (const auto& [module, ignored] : kMayUse) torch_users.insert(module);
  for (const char* module : {"util", "config", "tokenizer", "report"}) torch_users.erase(module);
  return {{"MPI", std::regex("mpi\\.h"), {"comm"}},
          {"NCCL", std::regex("nccl\\.h"), {"comm"}},
          {"HDF5", std::regex("(hdf5|H5[A-Za-z]+|hdf5_hl)\\.h"), {"io"}},
          {"Boost", std::regex("boost/.*"), {"config"}},
          {"spdlog", std::regex("spdlog/.*"), {"util"}},
          {"libvips", std::regex("vips/.*"), {"data"}},
          {"GLib", std::regex("glib\\.h|glib/.*|gio/.*"), {"tokenizer"}},
          {"protobuf", std::regex("google/protobuf/.*|.*\\.pb\\.h"), {"io"}},
          {"OpenSSL", std::regex("openssl/.*"), {"util"}},
          {"xxHash", std::regex("xxhash\\.h"), {"util"}},
          {"torch", std::regex("(torch|ATen|c10)/.*"), torch_users},
          {"CUDA", std::regex("(cuda|nvrtc|cublas).*\\.h|(ATen|c10)/cuda/.*"), {"comm", "nn"}}};
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string one_a_line(const std::vector<std::string>& complaints) {
  std::string text;
  for (const std::string& complaint : complaints) text += "\n  " + complaint;
  return text;
}

std::vector<fs::path> sources_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".h" || extension == ".cpp" || extension == ".def") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Include {
  std::string header;
  std::string where;  // file:line, for messages
};

std::vector<Include> includes_of(const fs::path& path) {
  static const std::regex kInclude("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"].*");
  std::vector<Include> includes;
  int number = 0;
  for (const std::string& line : lines_of(path)) {
    ++number;
    std::smatch match;
    if (!std::regex_match(line, match, kInclude)) continue;
    includes.push_back(
        {match[1], fs::relative(path, kRoot).string() + ":" + std::to_string(number)});
  }
  return includes;
}

std::vector<fs::path> files_of(const std::string& module) {
  return sources_in(kRoot / "src" / module);
}

// Of every module, `check(module, include)` is a complaint or empty.
template <typename Check>
std::vector<std::string> complaints(const Check& check) {
  std::vector<std::string> found;
  for (const auto& [module, ignored] : kMayUse) {
    for (const fs::path& file : files_of(module)) {
      for (const Include& include : includes_of(file)) {
        const std::string complaint = check(module, include);
        if (!complaint.empty()) found.push_back(include.where + ": " + complaint);
      }
    }
  }
  return found;
}

TEST(Layering, EveryFolderOfSrcIsAModuleOfTheTable) {
  Names folders;
  for (const auto& entry : fs::directory_iterator(kRoot / "src")) {
    if (entry.is_directory()) folders.insert(entry.path().filename());
  }
  for (const std::string& folder : folders) EXPECT_TRUE(kMayUse.contains(folder)) << folder;
  EXPECT_GE(folders.size(), 12U) << "the sources were not found";
}

TEST(Layering, ModulesIncludeOnlyWhatTheyMayUse) {
  const auto found = complaints([](const std::string& module, const Include& include) {
    const std::string used = include.header.substr(0, include.header.find('/'));
    if (used == include.header || !kMayUse.contains(used) || used == module) return std::string();
    if (kMayUse.at(module).contains(used)) return std::string();
    return module + " may not use " + used + " (docs/architecture.md)";
  });
  EXPECT_EQ(one_a_line(found), "");
}

TEST(Layering, ThirdPartiesStayBehindTheirDoor) {
  const auto all_doors = doors();
  const auto found = complaints([&](const std::string& module, const Include& include) {
    for (const Door& door : all_doors) {
      if (std::regex_match(include.header, door.header) && !door.modules.contains(module)) {
        return module + " may not include " + door.name + " (" + include.header + ")";
      }
    }
    return std::string();
  });
  EXPECT_EQ(one_a_line(found), "");
}

TEST(Layering, NobodyIncludesTheWholeOfTorch) {
  const auto found = complaints([](const std::string&, const Include& include) {
    return include.header == "torch/torch.h" ? "torch/torch.h costs 20 s a file; use torch/types.h"
                                             : std::string();
  });
  EXPECT_EQ(one_a_line(found), "");
}

TEST(Layering, TheTableIsTransitive) {
  // What a module may use, it may use with all of that module's own uses: headers show them.
  for (const auto& [module, uses] : kMayUse) {
    for (const std::string& used : uses) {
      ASSERT_TRUE(kMayUse.contains(used)) << used;
      EXPECT_TRUE(
          std::includes(uses.begin(), uses.end(), kMayUse.at(used).begin(), kMayUse.at(used).end()))
          << module << " uses " << used << " but not all that " << used << " uses";
      EXPECT_FALSE(kMayUse.at(used).contains(module)) << module << " and " << used << " in a ring";
    }
  }
}

TEST(Layering, LibrariesLinkExactlyWhatTheyMayUse) {
  std::string text;
  for (const std::string& line : lines_of(kRoot / "src/CMakeLists.txt")) text += line + " ";
  const std::regex call("omnigen_module\\(([a-z]+)([^)]*)\\)");
  Names declared;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), call); it != std::sregex_iterator();
       ++it) {
    const std::string module = (*it)[1];
    declared.insert(module);
    Names uses;
    bool listing = false;
    const std::string arguments = (*it)[2];
    const std::regex word("[^\\s]+");
    for (auto w = std::sregex_iterator(arguments.begin(), arguments.end(), word);
         w != std::sregex_iterator(); ++w) {
      const std::string argument = w->str();
      if (std::all_of(argument.begin(), argument.end(), [](char c) { return std::isupper(c); })) {
        listing = argument == "USES";
      } else if (listing) {
        uses.insert(argument);
      }
    }
    EXPECT_EQ(uses, kMayUse.at(module)) << "in src/CMakeLists.txt: " << module;
  }
  for (const auto& [module, ignored] : kMayUse) EXPECT_TRUE(declared.contains(module)) << module;
}

TEST(Layering, EnvironmentIsReadInOnePlace) {
  std::vector<std::string> found;
  const std::regex getenv_call("\\bgetenv\\s*\\(");
  for (const fs::path& file : sources_in(kRoot / "src")) {
    if (file == kRoot / "src/comm/job.cpp") continue;
    for (const std::string& line : lines_of(file)) {
      if (std::regex_search(line, getenv_call)) found.push_back(fs::relative(file, kRoot));
    }
  }
  EXPECT_EQ(one_a_line(found), "") << "getenv belongs in comm/job.cpp";
}

TEST(Size, FilesAndHeadersAreShort) {
  std::vector<std::string> found;
  for (const char* folder : {"src", "tests", "benchmarks", "data-tools"}) {
    for (const fs::path& file : sources_in(kRoot / folder)) {
      const int limit = file.extension() == ".h" ? kMaxHeaderLines : kMaxFileLines;
      const auto count = static_cast<int>(lines_of(file).size());
      if (count <= limit) continue;
      found.push_back(fs::relative(file, kRoot).string() + ": " + std::to_string(count) +
                      " lines, limit " + std::to_string(limit));
    }
  }
  EXPECT_EQ(one_a_line(found), "") << "a file that outgrows its limit holds two ideas";
}

// Every definition at namespace scope: formatted code ends one with a brace in the first column.
TEST(Size, FunctionsAreShort) {
  std::vector<std::string> found;
  size_t num_functions = 0;
  for (const char* folder : {"src", "tests", "benchmarks", "data-tools"}) {
    for (const fs::path& file : sources_in(kRoot / folder)) {
      const auto lines = lines_of(file);
      size_t begin = 0;
      for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i] == "}") {
          ++num_functions;
          const auto count = static_cast<int>(i - begin + 1);
          if (count <= kMaxFunctionLines) continue;
          found.push_back(fs::relative(file, kRoot).string() + ": " + lines[begin] + " " +
                          std::to_string(count) + " lines");
        } else if (!lines[i].empty() &&
                   std::string(" }#/").find(lines[i][0]) == std::string::npos) {
          begin = i;
        }
      }
    }
  }
  EXPECT_GT(num_functions, 1000U);
  EXPECT_EQ(one_a_line(found), "") << "a function that outgrows its limit does two things";
}

TEST(Headers, BeginWithWhatTheyAreAndPragmaOnce) {
  std::vector<std::string> found;
  for (const fs::path& file : sources_in(kRoot / "src")) {
    if (file.extension() != ".h") continue;
    const auto lines = lines_of(file);
    const bool described = !lines.empty() && lines[0].starts_with("// ");
    const bool once = std::find(lines.begin(), lines.end(), "#pragma once") != lines.end();
    if (!described || !once) found.push_back(fs::relative(file, kRoot));
  }
  EXPECT_EQ(one_a_line(found), "");
}

// Parts without a behaviour of their own, and the test of the whole that exercises each.
const std::map<std::string, std::string> kTestedAsPartOf = {
    {"adapter/kron_gemm", "adapter/kron_linear_test.cpp"},
    {"adapter/layer_adapter", "adapter/lokr_test.cpp"},
    {"cache/cache_state", "cache/build_test.cpp"},
    {"cache/cache_writer", "cache/interruption_test.cpp"},
    {"cache/dataset_index", "cache/build_test.cpp"},
    {"cache/fail_reason", "cache/scan_ledger_test.cpp"},
    {"cache/prepared_image", "cache/build_test.cpp"},
    {"cache/settings_check", "cache/build_test.cpp"},
    {"cache/source_scan", "cache/build_test.cpp"},
    {"nn/explicit_linear", "model/block_pass_test.cpp"},
    {"comm/recorder", "train/graphed_passes_test.cpp"},
    {"train/pass_inputs", "train/graphed_passes_test.cpp"},
    {"optim/tensor_parts", "optim/average_rows_test.cpp"},
    {"comm/process_group", "comm/gradient_reducer_test.cpp"},
    {"config/assign_keys", "config/load_test.cpp"},
    {"config/configure_data", "config/configure_pitfalls_test.cpp"},
    {"config/configure_model", "config/configure_pitfalls_test.cpp"},
    {"config/configure_reports", "config/configure_pitfalls_test.cpp"},
    {"config/configure_training", "config/configure_pitfalls_test.cpp"},
    {"config/dataset_entry", "config/dataset_config_golden_test.cpp"},
    {"config/dataset_keys", "config/dataset_list_test.cpp"},
    {"config/dataset_values", "config/dataset_config_golden_test.cpp"},
    {"config/messages", "config/load_test.cpp"},
    {"config/named_files", "config/load_test.cpp"},
    {"config/source", "config/load_test.cpp"},
    {"config/training_rules", "config/rules_test.cpp"},
    {"data/resample_weights", "data/resample_test.cpp"},
    {"data/shape_caption", "data/shape_scene_test.cpp"},
    {"data/vips_library", "data/image_decode_test.cpp"},
    {"io/hdf5_handle", "io/shard_writer_test.cpp"},
    {"io/shard_create", "io/shard_writer_test.cpp"},
    {"io/shard_schema", "io/shard_reader_test.cpp"},
    {"model/autoencoder_blocks", "model/autoencoder_golden_test.cpp"},
    {"model/autoencoder_config", "model/autoencoder_test.cpp"},
    {"model/transformer_block", "model/transformer_golden_test.cpp"},
    {"model/transformer_shapes", "model/omnigen_transformer_test.cpp"},
    {"model/token_sequence", "model/omnigen_transformer_test.cpp"},
    {"train/device_memory", "train/forecast_check_test.cpp"},
    {"nn/attention_by_gemm", "nn/attention_test.cpp"},
    {"nn/attention_by_library", "nn/attention_test.cpp"},
    {"nn/attention_plan", "nn/attention_test.cpp"},
    {"nn/attention_softmax", "nn/attention_test.cpp"},
    {"nn/gemm_absent", "nn/gemm_test.cpp"},
    {"nn/gemm_pack", "nn/gemm_test.cpp"},
    {"nn/gemm_product", "nn/linear_test.cpp"},
    {"nn/gemm_tokens", "nn/gemm_test.cpp"},
    {"nn/nf4_weight", "nn/frozen_weight_test.cpp"},
    {"nn/product", "nn/linear_test.cpp"},
    {"nn/row_scaled_weight", "nn/frozen_weight_test.cpp"},
    {"report/page", "report/run_report_test.cpp"},
    {"report/page_sections", "report/run_report_test.cpp"},
    {"tokenizer/tokenizer_json_sax", "tokenizer/tokenizer_json_test.cpp"},
    {"train/card_inference", "train/model_card_test.cpp"},
    {"train/check", "end_to_end/train_test.cpp"},
    {"train/ema_weights", "end_to_end/train_test.cpp"},
    {"train/evaluation", "end_to_end/evaluation_test.cpp"},
    {"train/measure", "end_to_end/train_test.cpp"},
    {"train/run", "end_to_end/train_test.cpp"},
    {"train/resume_point", "end_to_end/resume_test.cpp"},
    {"train/run_checkpoint", "end_to_end/resume_test.cpp"},
    {"train/run_services", "end_to_end/publish_test.cpp"},
    {"train/tensorboard_tracker", "train/trackers_test.cpp"},
    {"train/trained_weights", "train/whole_model_test.cpp"},
    {"train/trainer", "end_to_end/train_test.cpp"},
    {"train/whole_model_files", "train/whole_model_test.cpp"},
    {"util/status_line", "util/progress_test.cpp"},
    {"util/version", "config/dump_test.cpp"},
    {"validate/clip_tower", "validate/clip_model_golden_test.cpp"},
    {"validate/builtin_prompts", "validate/prompt_list_test.cpp"}};

TEST(Tests, EverySourceHasATestOfItsName) {
  const std::vector<std::string> kinds = {"", "_golden", "_mpi", "_launch", "_cuda"};
  std::vector<std::string> missing;
  for (const auto& [module, ignored] : kMayUse) {
    for (const fs::path& file : files_of(module)) {
      if (file.extension() != ".cpp") continue;
      const fs::path folder = kRoot / "tests" / module;
      const std::string stem = file.stem();
      const bool tested = std::any_of(kinds.begin(), kinds.end(), [&](const std::string& kind) {
        return fs::exists(folder / (stem + kind + "_test.cpp"));
      });
      const auto whole = kTestedAsPartOf.find(module + "/" + stem);
      const bool in_whole =
          whole != kTestedAsPartOf.end() && fs::exists(kRoot / "tests" / whole->second);
      if (!tested && !in_whole) missing.push_back("tests/" + module + "/" + stem + "_test.cpp");
    }
  }
  EXPECT_EQ(one_a_line(missing), "");
}

}  // namespace
}  // namespace omnigen
