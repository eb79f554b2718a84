// SimpleTuner's own answers on data-set entries, and this project's where they differ on purpose.
#include <gtest/gtest.h>

#include <set>

#include "config/assign_keys.h"
#include "config/dataset_entry.h"
#include "config/dataset_list.h"
#include "config/json_text.h"
#include "support/golden.h"

namespace omnigen::config {
namespace {

// Of SimpleTuner's runtime only: accepted here without a field.
const std::set<std::string> kWithoutField = {"disable_validation", "hash_filenames",
                                             "text_encoder_batch_size"};

struct Verdict {
  bool accepted = false;
  std::string reason;  // of a departure
};

Verdict expected(const Json& row) {
  if (!row.contains("ours")) return {row.at("st").at("accepted").get<bool>(), ""};
  const auto text = row.at("ours").get<std::string>();
  return {text.rfind("accepted", 0) == 0, text};
}

Config globals_of(const Json& file, const Json& row) {
  Json values = file.at("global_defaults");
  const Json laid_over = row.value("globals", Json::object());
  for (const auto& [key, value] : laid_over.items()) values[key] = value;
  values["output_dir"] = "out";
  Config config;
  Messages messages;
  assign_keys(values, &config, &messages);
  messages.throw_errors();
  return config;
}

// Numbers as numbers; an object of SimpleTuner holds only the members that were given.
void expect_equal(const std::string& key, const Json& ours, const Json& st) {
  if (st.is_object()) {
    for (const auto& [member, value] : st.items())
      EXPECT_EQ(ours.at(member), value) << key << "." << member;
  } else if (st.is_number()) {
    EXPECT_DOUBLE_EQ(ours.get<double>(), st.get<double>()) << key;
  } else if (st.is_null() && ours.is_array()) {
    EXPECT_TRUE(ours.empty()) << key;
  } else {
    EXPECT_EQ(ours, st) << key;
  }
}

size_t compare_values(const Json& ours, const Json& st) {
  size_t num_compared = 0;
  for (const auto& [key, value] : st.items()) {
    if (kWithoutField.count(key) != 0) continue;
    ++num_compared;
    if (!ours.contains(key)) {
      ADD_FAILURE() << key << " has no field";
      continue;
    }
    expect_equal(key, ours.at(key), value);
  }
  return num_compared;
}

void check_entry(const Json& file, const Json& row) {
  const Config globals = globals_of(file, row);
  Messages messages;
  const DatasetConfig dataset = read_dataset(row.at("dataset"), globals, &messages);
  const Verdict verdict = expected(row);
  EXPECT_EQ(!messages.has_errors(), verdict.accepted) << verdict.reason;
  if (!verdict.accepted || !row.at("st").at("accepted").get<bool>()) return;
  Json st = row.at("st").at("values");
  if (verdict.reason.find("becomes 0.262144 MP") != std::string::npos)
    st["minimum_image_size"] = 0.262144;
  EXPECT_GE(compare_values(to_json(dataset), st), 5U);
}

void check_list(const std::string& name, const Json& row) {
  Messages messages;
  const Json& entries = row.at("datasets");
  Config globals;
  if (name.rfind("ids: ", 0) == 0) {
    check_ids(entries, &messages);
  } else {
    std::vector<DatasetConfig> datasets;
    for (const Json& entry : entries) datasets.push_back(read_dataset(entry, globals, &messages));
    check_windows(datasets, &messages);
    std::vector<std::string> order;
    for (const size_t index : dataset_order(datasets, &messages))
      order.push_back(datasets[index].id);
    if (row.at("st").contains("order")) {
      EXPECT_EQ(order, row.at("st").at("order").get<std::vector<std::string>>());
    }
  }
  EXPECT_EQ(!messages.has_errors(), expected(row).accepted);
}

void check_placeholder(const Json& row) {
  Config globals;
  globals.train.output_dir = "out";
  const Json entry = {{"id", "cats"}, {"cache_dir_vae", row.at("text")}};
  const Json filled =
      fill_placeholders(entry, globals, [](const char*) -> const char* { return nullptr; });
  EXPECT_EQ(filled.at("cache_dir_vae"), row.at("st").at("text"));
}

TEST(DatasetConfigGolden, MatchesEveryRow) {
  const Json file = read_json(test::golden_dir() / "data" / "dataset_config.json");
  size_t num_rows = 0;
  for (const Json& row : file.at("rows")) {
    const auto name = row.at("name").get<std::string>();
    SCOPED_TRACE(name);
    ++num_rows;
    if (row.contains("datasets")) {
      check_list(name, row);
    } else if (row.contains("text")) {
      check_placeholder(row);
    } else {
      check_entry(file, row);
    }
  }
  EXPECT_GT(num_rows, 0U);
}

}  // namespace
}  // namespace omnigen::config
