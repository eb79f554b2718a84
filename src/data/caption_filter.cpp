#include "data/caption_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tokenizer/utf8.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

// std::regex recurses per character; a thread's stack holds far more than this.
constexpr size_t kLongestCaption = 8192;

std::wstring to_wide(std::string_view text) {
  std::wstring wide;
  for (size_t offset = 0; offset < text.size();) {
    const tokenizer::Utf8Char c = tokenizer::utf8_char_at(text, offset);
    if (c.num_bytes == 0) {
      throw util::ConfigError(fmt::format("caption_filter_list: '{}' is not UTF-8", text));
    }
    wide += static_cast<wchar_t>(c.value);
    offset += c.num_bytes;
  }
  return wide;
}

std::string to_utf8(std::wstring_view wide) {
  std::string text;
  const auto put = [&text](uint32_t byte) { text += static_cast<char>(byte); };
  for (const wchar_t character : wide) {
    const auto c = static_cast<uint32_t>(character);
    if (c < 0x80) {
      put(c);
      continue;
    }
    const int num_more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    constexpr uint32_t kLeads[] = {0, 0xC0, 0xE0, 0xF0};
    put(kLeads[num_more] | c >> (6 * num_more));
    for (int i = num_more - 1; i >= 0; --i) put(0x80 | ((c >> (6 * i)) & 0x3F));
  }
  return text;
}

std::wstring without(const std::wstring& text, const std::wstring& part) {
  if (part.empty()) return text;
  std::wstring out;
  size_t done = 0;
  for (size_t found = text.find(part); found != std::wstring::npos; found = text.find(part, done)) {
    out.append(text, done, found - done);
    done = found + part.size();
  }
  return out.append(text, done);
}

// "\1" is a group, a backslash before anything else stands for that character.
std::wstring expanded(const std::wstring& replacement, const std::wsmatch& match) {
  std::wstring out;
  for (size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] != L'\\' || i + 1 == replacement.size()) {
      out += replacement[i];
      continue;
    }
    const wchar_t next = replacement[++i];
    if (next >= L'0' && next <= L'9') {
      out += match.str(static_cast<size_t>(next - L'0'));
    } else {
      out += next == L'n' ? L'\n' : next == L't' ? L'\t' : next;
    }
  }
  return out;
}

std::wstring replaced(const std::wstring& text, const std::wregex& pattern,
                      const std::wstring& replacement) {
  std::wstring out;
  auto done = text.begin();
  for (std::wsregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    out.append(done, (*match)[0].first);
    out += expanded(replacement, *match);
    done = (*match)[0].second;
  }
  return out.append(done, text.end());
}

std::wregex compiled(const std::wstring& pattern, size_t number, const std::string& entry) {
  try {
    return std::wregex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw util::ConfigError(
        fmt::format("caption_filter_list entry {}: '{}' is not a regular expression: {}; put a "
                    "backslash before a character that is meant literally",
                    number, entry, error.what()));
  }
}

}  // namespace

CaptionFilter::CaptionFilter(const std::vector<std::string>& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string& entry = entries[i];
    const std::wstring wide = to_wide(entry);
    const auto num_slashes = std::count(wide.begin(), wide.end(), L'/');
    const bool closed = num_slashes == 3 && wide.ends_with(L'/');
    if (wide.starts_with(L"s/") && (num_slashes == 2 || closed)) {
      const size_t second = wide.find(L'/', 2);
      const size_t end = closed ? wide.size() - 1 : wide.size();
      steps_.push_back({compiled(wide.substr(2, second - 2), i + 1, entry),
                        wide.substr(second + 1, end - second - 1), L""});
      steps_.push_back({compiled(wide, i + 1, entry), L"", L""});
    } else if (!wide.empty()) {
      steps_.push_back({compiled(wide, i + 1, entry), L"", wide});
    }
  }
}

std::string CaptionFilter::apply(const std::string& caption) const {
  if (steps_.empty()) return caption;
  std::wstring text = to_wide(caption);
  for (const Step& step : steps_) {
    if (text.size() > kLongestCaption) {
      throw util::DataError(
          fmt::format("a caption of {} characters is too long for caption_filter_list (limit {}); "
                      "shorten it or remove the filter",
                      text.size(), kLongestCaption));
    }
    text = replaced(without(text, step.literal), step.pattern, step.replacement);
  }
  return to_utf8(text);
}

std::vector<std::string> read_caption_filter_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw util::ConfigError(
        fmt::format("caption_filter_list file {} cannot be opened", path.string()));
  }
  if (path.extension() == ".json") {
    try {
      return nlohmann::json::parse(stream).get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception& error) {
      throw util::ConfigError(
          fmt::format("caption_filter_list file {} is not a JSON list of texts: {}", path.string(),
                      error.what()));
    }
  }
  std::vector<std::string> entries;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) entries.push_back(line);
  }
  return entries;
}

}  // namespace omnigen::data
