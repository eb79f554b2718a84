// A transformer block as one node of the graph: forward and a hand-written backward pass.
//
// TransformerBlock::forward() is the readable form of the same. Here nothing is recorded inside the
// block, only what the backward pass reads and does not compute again is kept, frozen weights get
// no gradient, and results are added to in place.
#pragma once

#include "model/recompute.h"
#include "model/transformer_block.h"

namespace omnigen::model {

// Whether it applies: on the CPU, in float32 or bfloat16, with frozen weights and adapters that
// have explicit passes.
bool runs_as_one(const TransformerBlock& block, const Stream& in);
// With false it applies nowhere: the readable form runs, for comparisons. No work may be under way.
void set_blocks_run_as_one(bool enabled);

// `block` must outlive the backward pass.
Stream block_as_one(const TransformerBlock& block, const Stream& in, const BlockContext& context,
                    Recompute recompute);

}  // namespace omnigen::model
