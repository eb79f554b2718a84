#include "tokenizer/tokenizer_json.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tokenizer/tokenizer_json_sax.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

using nlohmann::json;

[[noreturn]] void unsupported(std::string_view part, const json& found, std::string_view expected) {
  throw util::DataError(
      fmt::format("{} is {}; this program reads {}", part, found.dump(), expected));
}

// The value at `key`, or null where it is absent.
json at(const json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object.at(key) : json();
}

bool flag(const json& object, const char* key) {
  return object.value(key, false);
}

BpeOptions read_bpe_options(const json& model) {
  // Old files lack "type".
  if (const json type = at(model, "type"); !type.is_null() && type != "BPE") {
    unsupported("model.type", type, "\"BPE\"");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix", "dropout"}) {
    const json value = at(model, key);
    if (!value.is_null() && value != "" && value != 0) {
      unsupported(fmt::format("model.{}", key), value, "null");
    }
  }
  BpeOptions options;
  if (const json unk = at(model, "unk_token"); unk.is_string()) options.unk_token = unk;
  options.byte_fallback = at(model, "byte_fallback") == true;
  options.fuse_unk = at(model, "fuse_unk") == true;
  options.ignore_merges = at(model, "ignore_merges") == true;
  return options;
}

std::vector<AddedToken> read_added_tokens(const json& list) {
  std::vector<AddedToken> tokens;
  if (list.is_null()) return tokens;
  for (const json& entry : list) {
    AddedToken token;
    token.id = entry.at("id");
    token.content = entry.at("content");
    token.single_word = flag(entry, "single_word");
    token.lstrip = flag(entry, "lstrip");
    token.rstrip = flag(entry, "rstrip");
    token.normalized = flag(entry, "normalized");
    token.special = flag(entry, "special");
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void append_normalizer(const json& normalizer, std::vector<NormalizerStep>& steps) {
  if (normalizer.is_null()) return;
  const json type = at(normalizer, "type");
  if (type == "Sequence") {
    for (const json& part : normalizer.at("normalizers")) append_normalizer(part, steps);
  } else if (type == "Prepend") {
    steps.push_back({NormalizerStep::Kind::kPrepend, "", normalizer.at("prepend")});
  } else if (type == "Replace" && at(normalizer.at("pattern"), "String").is_string()) {
    steps.push_back({NormalizerStep::Kind::kReplace, normalizer.at("pattern").at("String"),
                     normalizer.at("content")});
  } else {
    unsupported("normalizer", normalizer, "Sequence, Prepend and Replace of a string");
  }
}

void read_template(const json& processor, TokenizerJson& out) {
  if (processor.is_null()) return;
  if (at(processor, "type") != "TemplateProcessing") {
    unsupported("post_processor.type", at(processor, "type"), "\"TemplateProcessing\"");
  }
  bool before_text = true;
  for (const json& item : processor.at("single")) {
    if (item.contains("Sequence")) {
      before_text = false;
      continue;
    }
    const std::string name = item.at("SpecialToken").at("id");
    for (const int64_t id : processor.at("special_tokens").at(name).at("ids")) {
      (before_text ? out.prefix_ids : out.suffix_ids).push_back(id);
    }
  }
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw util::DataError("cannot be opened; the model folder needs its tokenizer/tokenizer.json");
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

TokenizerJson interpret(TokenizerJsonText parsed) {
  const json& document = parsed.rest;
  const json model = at(document, "model");
  if (!model.is_object()) throw util::DataError("has no object \"model\"");
  if (parsed.vocabulary.empty()) throw util::DataError("has no model.vocab");
  if (const json pre = at(document, "pre_tokenizer"); !pre.is_null()) {
    unsupported("pre_tokenizer", pre, "null");
  }
  TokenizerJson out;
  out.bpe = read_bpe_options(model);
  out.added_tokens = read_added_tokens(at(document, "added_tokens"));
  append_normalizer(at(document, "normalizer"), out.normalizer);
  read_template(at(document, "post_processor"), out);
  out.vocabulary = std::move(parsed.vocabulary);
  out.merges = std::move(parsed.merges);
  return out;
}

}  // namespace

TokenizerJson read_tokenizer_json(const std::filesystem::path& path) {
  try {
    return interpret(parse_tokenizer_json(read_text(path)));
  } catch (const json::exception& error) {
    throw util::DataError(fmt::format("tokenizer {}: incomplete or of another layout: {}",
                                      path.string(), error.what()));
  } catch (const util::DataError& error) {
    throw util::DataError(fmt::format("tokenizer {}: {}", path.string(), error.what()));
  }
}

}  // namespace omnigen::tokenizer
