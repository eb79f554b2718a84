#include "data/cursor.h"

#include <numeric>

namespace omnigen::data {

int64_t Cursor::taken_in_epoch() const {
  return std::accumulate(cuts.begin(), cuts.end(), int64_t{0},
                         [](int64_t sum, const Cut& cut) { return sum + cut.taken; });
}

void to_json(nlohmann::json& json, const Cursor& cursor) {
  auto cuts = nlohmann::json::array();
  for (const Cut& cut : cursor.cuts) {
    cuts.push_back({{"global_batch", cut.global_batch}, {"open", cut.open}, {"taken", cut.taken}});
  }
  json = {{"epoch", cursor.epoch}, {"cuts", cuts}, {"samples_seen", cursor.samples_seen}};
}

void from_json(const nlohmann::json& json, Cursor& cursor) {
  cursor = {};
  json.at("epoch").get_to(cursor.epoch);
  json.at("samples_seen").get_to(cursor.samples_seen);
  for (const auto& cut : json.at("cuts")) {
    cursor.cuts.push_back({cut.at("global_batch").get<int64_t>(), cut.at("open").get<int64_t>(),
                           cut.at("taken").get<int64_t>()});
  }
}

}  // namespace omnigen::data
