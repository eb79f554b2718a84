#include "validate/render_pool.h"

#include <nlohmann/json.hpp>

#include "util/error.h"
#include "util/progress.h"

namespace omnigen::validate {
namespace {

std::string pack(const Rendered& rendered) {
  const nlohmann::json message = {
      {"png", nlohmann::json::binary({rendered.png.begin(), rendered.png.end()})},
      {"error", rendered.error},
      {"rank", rendered.rank}};
  std::string bytes;
  nlohmann::json::to_cbor(message, bytes);
  return bytes;
}

Rendered unpack(const std::string& bytes) {
  const auto message = nlohmann::json::from_cbor(bytes);
  const auto& png = message.at("png").get_binary();
  return {{png.begin(), png.end()},
          message.at("error").get<std::string>(),
          message.at("rank").get<int>()};
}

// An image that fails must not end a run of days: its error is reported instead.
Rendered try_render(const RenderPool& pool, size_t item, int rank,
                    const std::function<void(const std::string&)>& report) {
  try {
    return {pool.render(item, report), "", rank};
  } catch (const util::CommError&) {
    throw;
  } catch (const std::exception& error) {
    const std::string what = error.what();
    return {"", what.empty() ? "unknown error" : what.substr(0, what.find('\n')), rank};
  }
}

}  // namespace

void render_over_ranks(const RenderPool& pool, comm::ProcessGroup& group) {
  const auto num_workers = static_cast<size_t>(pool.single_rank ? 1 : group.size());
  const auto own = static_cast<size_t>(group.rank());
  util::Progress progress(pool.title, static_cast<int64_t>(pool.num_items), "img", group.is_root());
  for (size_t first = 0; first < pool.num_items; first += num_workers) {
    const auto report = [&](const std::string& text) {
      progress.update(static_cast<int64_t>(first), text);
    };
    const bool works = own < num_workers && first + own < pool.num_items;
    const auto packed = group.all_gather_bytes(
        works ? pack(try_render(pool, first + own, group.rank(), report)) : std::string());
    const size_t num_done = std::min(num_workers, pool.num_items - first);
    for (size_t i = 0; i < num_done && group.is_root(); ++i) {
      pool.deliver(first + i, unpack(packed[i]));
    }
    progress.update(static_cast<int64_t>(first + num_done));
  }
}

}  // namespace omnigen::validate
