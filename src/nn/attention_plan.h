// How attention() goes through packed samples; for the files of this folder.
//
// One task is one head of one sample, or all heads of a short one where products are library calls,
// too small to be made one by one. It alone writes its columns of the result and of the gradients,
// so that neither threads nor neighbouring samples change a bit. A task goes through blocks of
// rows; a block's keys are the prefix that its last row may see, and a row that may see less has
// its tail set to zero.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/attention.h"

namespace omnigen::nn {

struct AttentionPlan {
  struct Block {
    int64_t query = 0;  // first row in q
    int64_t rows = 0;
    int64_t keys = 0;
    int64_t stride = 0;   // of a row of probabilities
    int64_t kept_at = 0;  // of head 0, in the kept probabilities
  };
  struct Sample {
    int64_t key_begin = 0;
    int64_t length = 0;
    int64_t kept_per_head = 0;
    std::vector<Block> blocks;  // the last one sees every key
  };
  struct Task {
    size_t sample = 0;
    int64_t head = 0;  // the first
    int64_t count = 1;
  };

  std::vector<Sample> samples;
  std::vector<Task> tasks;
  std::vector<int64_t> limits;  // by query row
  int64_t query_end = 0;        // rows behind it belong to no sample
  int64_t key_end = 0;
  int64_t num_heads = 0;
  int64_t head_dim = 0;
  int64_t kept = 0;   // elements of all probabilities
  int64_t pairs = 0;  // of a query row and a key of its block, all heads
  double scale = 1.0;
  bool by_gemm = false;  // nn/gemm.h's products; else libtorch's
};

// The two ways of computing them. The tensors are written in the rows of the plan's samples.
void attention_forward_by_library(const AttentionPlan& plan, const AttentionPass& pass,
                                  const at::Tensor& out_QD);
void attention_backward_by_library(const AttentionPlan& plan, const AttentionPass& pass,
                                   const at::Tensor& grad_QD, const AttentionGradients& into);
void attention_forward_by_gemm(const AttentionPlan& plan, const AttentionPass& pass,
                               const at::Tensor& out_QD);
void attention_backward_by_gemm(const AttentionPlan& plan, const AttentionPass& pass,
                                const at::Tensor& grad_QD, const AttentionGradients& into);

}  // namespace omnigen::nn
