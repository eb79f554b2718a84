// One small matrix times the rows of every token, and the sum over tokens that is its gradient, for
// bfloat16 and float where gemm::is_fast(). gemm.h's products would spend most of the time on
// packing.
#pragma once

#include "nn/gemm.h"

namespace omnigen::nn::gemm {

// Rows of tokens, [tokens · rows, columns] without gaps.
template <class T>
struct TokenRows {
  const T* data = nullptr;
  int64_t tokens = 0;
  int64_t rows = 0;  // of a token
  int64_t columns = 0;
};

// a · x or out += a · x for every token's x, rounded once; the same bits as products of one token.
// Shapes: a [m, x.rows], out [tokens · m, x.columns]; `words`: packed_words(x.rows, x.columns) of
// scratch.
template <class T>
void multiply_tokens(const Left<T>& a, int64_t m, const TokenRows<T>& x, const Output<T>& out,
                     uint32_t* words);

// sums [y.rows, x.rows] += Σ over tokens of y · xᵀ, in the order of the tokens.
template <class T>
void add_token_products(const TokenRows<T>& y, const TokenRows<T>& x, Rows<float> sums);

}  // namespace omnigen::nn::gemm
