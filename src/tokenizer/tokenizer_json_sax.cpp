#include "tokenizer/tokenizer_json_sax.h"

#include <fmt/format.h>

#include <utility>

#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

using nlohmann::json;

// Where the pass is: in the document, or in one of the two big tables below `model`.
enum class Place { kDocument, kVocabulary, kMerges, kMergePair };

class Handler : public nlohmann::json_sax<json> {
 public:
  explicit Handler(TokenizerJsonText& out) : out_(out) { out_.vocabulary.reserve(kExpectedPieces); }

  bool null() override { return value(json()); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(number_integer_t v) override { return number(v); }
  bool number_unsigned(number_unsigned_t v) override {
    return number(static_cast<number_integer_t>(v));
  }
  bool number_float(number_float_t v, const string_t&) override { return value(v); }
  bool binary(binary_t&) override { return false; }

  bool string(string_t& text) override {
    if (place_ == Place::kMerges) return split_merge(text);
    if (place_ == Place::kMergePair) {
      pair_.push_back(std::move(text));
      return true;
    }
    return value(std::move(text));
  }

  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kDocument && at_model_key("vocab")) {
      place_ = Place::kVocabulary;
      return true;
    }
    return open(json::object());
  }
  bool end_object() override {
    if (place_ != Place::kVocabulary) return close();
    place_ = Place::kDocument;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kMerges) {
      place_ = Place::kMergePair;
      pair_.clear();
      return true;
    }
    if (place_ == Place::kDocument && at_model_key("merges")) {
      place_ = Place::kMerges;
      out_.merges.reserve(kExpectedMerges);
      return true;
    }
    return open(json::array());
  }
  bool end_array() override {
    if (place_ == Place::kMergePair) {
      place_ = Place::kMerges;
      if (pair_.size() != 2) return fail("a merge of other than two parts");
      out_.merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
      return true;
    }
    if (place_ != Place::kMerges) return close();
    place_ = Place::kDocument;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    return fail(fmt::format("not JSON at byte {}: {}", position, error.what()));
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  static constexpr size_t kExpectedPieces = 1 << 16;
  static constexpr size_t kExpectedMerges = 1 << 16;

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool at_model_key(const char* name) const {
    return path_.size() == 2 && path_[1] == "model" && key_ == name && open_.back()->is_object();
  }

  // Puts a value at the current place of the document.
  json* attach(json item) {
    if (open_.empty()) {
      out_.rest = std::move(item);
      return &out_.rest;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(item));
      return &parent.back();
    }
    return &(parent[key_] = std::move(item));
  }

  bool open(json container) {
    if (place_ != Place::kDocument)
      return fail("an object or list inside model.vocab or model.merges");
    json* attached = attach(std::move(container));
    path_.push_back(open_.empty() ? "" : key_);
    open_.push_back(attached);
    return true;
  }
  bool close() {
    open_.pop_back();
    path_.pop_back();
    return true;
  }

  bool value(json item) {
    if (place_ != Place::kDocument)
      return fail("a wrong kind of value in model.vocab or model.merges");
    attach(std::move(item));
    return true;
  }

  bool number(number_integer_t v) {
    if (place_ != Place::kVocabulary) return value(v);
    if (v < 0 || v > INT32_MAX) return fail(fmt::format("the id {} of piece '{}'", v, key_));
    out_.vocabulary.insert_or_assign(std::move(key_), static_cast<int32_t>(v));
    return true;
  }

  bool split_merge(const std::string& text) {
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return fail(fmt::format("the merge '{}', which is not two parts and one space", text));
    }
    out_.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    return true;
  }

  TokenizerJsonText& out_;
  Place place_ = Place::kDocument;
  std::vector<json*> open_;        // containers from the root to here
  std::vector<std::string> path_;  // the key of each
  std::string key_;
  std::vector<std::string> pair_;
  std::string problem_;
};

}  // namespace

TokenizerJsonText parse_tokenizer_json(const std::string& text) {
  TokenizerJsonText out;
  Handler handler(out);
  if (!json::sax_parse(text, &handler)) {
    throw util::DataError(handler.problem().empty() ? "not a JSON document" : handler.problem());
  }
  return out;
}

}  // namespace omnigen::tokenizer
