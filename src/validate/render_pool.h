// Shares a list of images among the ranks and brings each to rank 0 as it is finished.
#pragma once

#include <functional>
#include <string>

#include "comm/process_group.h"

namespace omnigen::validate {

struct Rendered {
  std::string png;    // empty where it failed
  std::string error;  // why
  int rank = 0;       // that rendered it

  [[nodiscard]] bool ok() const { return error.empty(); }
};

struct RenderPool {
  size_t num_items = 0;
  bool single_rank = false;  // rank 0 renders alone while the others wait
  std::string title;         // of the progress bar
  // PNG bytes of item i. `report` tells how far it is, e.g. "cat 1024x1024 step 3/20".
  std::function<std::string(size_t item, const std::function<void(const std::string&)>& report)>
      render;
  std::function<void(size_t item, const Rendered& rendered)> deliver;  // on rank 0, in item order
};

// Item i is rendered by rank i mod ranks, all ranks at once, and gathered before the next round
// begins: a rank waits for no more than one image of another, within the group's limit, and never
// on a device collective. An exception of `render` other than CommError becomes the item's error.
// Collective.
void render_over_ranks(const RenderPool& pool, comm::ProcessGroup& group);

}  // namespace omnigen::validate
