// What the backward pass computes again in place of having kept it.
#pragma once

#include <cstdint>

namespace omnigen::model {

enum class Recompute : uint8_t {
  kNone,
  kSelective,  // the MLP's first product, the largest single thing that a block keeps
  kFull,       // the whole block: its input is kept
};

}  // namespace omnigen::model
