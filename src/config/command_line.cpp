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

bool is_option(const std::string& token) {
  return starts_with(token, "--") && token.size() > 2;
}

// Stands for an empty value, which the library refuses.
const std::string kEmpty(1, '\0');

// One token an option, or two where its value stands apart: hyphens become underscores, and a flag
// gets the boolean word that follows, or true.
std::vector<std::string> normalised_tokens(const std::vector<std::string>& args,
                                           const std::vector<std::string>& flags) {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i] == "-h" ? "--help" : args[i];
    if (!is_option(arg)) {
      tokens.push_back(arg);
      continue;
    }
    const size_t equals = arg.find('=');
    const std::string name = underscored(arg.substr(2, equals - 2));
    if (equals != std::string::npos) {
      const std::string value = arg.substr(equals + 1);
      tokens.push_back("--" + name + "=" + (value.empty() ? kEmpty : value));
    } else if (std::find(flags.begin(), flags.end(), name) == flags.end()) {
      tokens.push_back("--" + name);
    } else {
      const bool has_value = i + 1 < args.size() && boolean_word(args[i + 1]);
      tokens.push_back("--" + name + "=" + (has_value ? args[++i] : "true"));
    }
  }
  return tokens;
}

// Every name that occurs, so that a name unknown to the table is split from its value like any
// other.
po::options_description described(const std::vector<std::string>& tokens) {
  po::options_description description;
  std::vector<std::string> seen;
  for (const std::string& token : tokens) {
    if (!is_option(token)) continue;
    const std::string name = token.substr(2, std::min(token.find('='), token.size()) - 2);
    if (name.empty() || name.find(',') != std::string::npos) fail(fmt::format("\"{}\"", token));
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    seen.push_back(name);
    description.add_options()(name.c_str(), po::value<std::string>(), "");
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
  const std::vector<std::string> tokens = normalised_tokens(args, all_flags);
  const po::options_description description = described(tokens);
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

  CommandLine line;
  for (const po::option& option : parsed) {
    const std::string& value = option.value.front();
    if (option.position_key < 0) {
      store(option.string_key, value == kEmpty ? "" : value, &line);
      continue;
    }
    const size_t equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail(fmt::format("\"{}\" belongs to no option", value));
    }
    store(underscored(value.substr(0, equals)), value.substr(equals + 1), &line);
  }
  return line;
}

}  // namespace omnigen::config
