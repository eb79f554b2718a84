#include "config/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>

#include "config/text.h"
#include "config/value.h"
#include "util/error.h"

namespace omnigen::config {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kDatasetPrefix = "dataset.";

[[noreturn]] void fail(const std::string& what) {
  throw util::ConfigError("config error: command line: " + what +
                          ". Write --key=value, --key value, --flag or key=value [1.1]");
}

// Dashes of a key become underscores; an id of a data set is left alone.
std::string underscored(const std::string& name) {
  if (starts_with(name, kDatasetPrefix)) return name;
  return replace_all(name, "-", "_");
}

// "--max-steps=3" -> "--max_steps=3"; anything else unchanged.
std::string normalised_token(const std::string& token) {
  if (!starts_with(token, "--") || token.size() == 2) return token;
  const size_t equals = std::min(token.find('='), token.size());
  return "--" + underscored(token.substr(2, equals - 2)) + token.substr(equals);
}

// Every name that occurs, so that a name unknown to the table is split from its value like any
// other.
po::options_description described(const std::vector<std::string>& tokens,
                                  const std::vector<std::string>& flags) {
  po::options_description description;
  std::vector<std::string> seen;
  for (const std::string& token : tokens) {
    if (!starts_with(token, "--") || token.size() == 2) continue;
    const std::string name = token.substr(2, std::min(token.find('='), token.size()) - 2);
    if (name.empty() || name.find(',') != std::string::npos) fail(fmt::format("\"{}\"", token));
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    seen.push_back(name);
    auto* semantic = po::value<std::string>();
    if (std::find(flags.begin(), flags.end(), name) != flags.end())
      semantic->implicit_value("true");
    description.add_options()(name.c_str(), semantic, "");
  }
  return description;
}

void store(std::string name, std::string value, CommandLine* line) {
  if (name == "help") {
    line->help = true;
  } else if (name == "config") {
    line->config = std::move(value);
  } else if (name == "env") {
    line->environment = std::move(value);
  } else if (name == "example") {
    line->example = std::move(value);
  } else if (starts_with(name, kDatasetPrefix)) {
    line->dataset_options.emplace_back(name.substr(kDatasetPrefix.size()), std::move(value));
  } else {
    line->options.emplace_back(std::move(name), std::move(value));
  }
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& args,
                               const std::vector<std::string>& flags) {
  std::vector<std::string> all_flags = flags;
  all_flags.emplace_back("help");
  std::vector<std::string> tokens;
  for (const std::string& arg : args)
    tokens.push_back(arg == "-h" ? "--help" : normalised_token(arg));

  const po::options_description description = described(tokens, all_flags);
  // Without short options, "-1" is a value.
  const int style = po::command_line_style::allow_long |
                    po::command_line_style::long_allow_adjacent |
                    po::command_line_style::long_allow_next;
  std::vector<po::option> parsed;
  try {
    parsed = po::command_line_parser(tokens).options(description).style(style).run().options;
  } catch (const po::error& error) {
    fail(error.what());
  }

  std::vector<std::pair<std::string, std::string>> pairs;
  bool after_bare_flag = false;  // "--use_ema false": the value of a flag may stand apart
  for (const po::option& option : parsed) {
    const std::string value = option.value.empty() ? "true" : option.value.front();
    if (option.position_key < 0) {
      after_bare_flag = option.value.empty();
      pairs.emplace_back(option.string_key, value);
      continue;
    }
    const size_t equals = value.find('=');
    if (after_bare_flag && boolean_word(value)) {
      pairs.back().second = value;
    } else if (equals != std::string::npos && equals > 0) {
      pairs.emplace_back(underscored(value.substr(0, equals)), value.substr(equals + 1));
    } else {
      fail(fmt::format("\"{}\" belongs to no option", value));
    }
    after_bare_flag = false;
  }
  CommandLine line;
  for (auto& [name, value] : pairs) store(std::move(name), std::move(value), &line);
  return line;
}

}  // namespace omnigen::config
