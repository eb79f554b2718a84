#include "nn/gemm_product.h"

#include <algorithm>

#include "nn/gemm.h"
#include "nn/parallel.h"

namespace omnigen::nn {
namespace {

// Below, packing a weight costs more than it gains.
constexpr int64_t kFewRows = 16;
// Above, the library's order of going through a weight is better.
constexpr int64_t kLongRow = 8192;
// Of a task, at most: its sums stay in the second-level cache, and it packs a weight once for so
// many rows. Whole tiles of every width.
constexpr int64_t kTaskRows = 480;
constexpr int64_t kTileRows = 24;
constexpr int64_t kBlockWords = 512;

// out [m, n] of a [m, k] and b [k, n], which stands as it is or, `b_is_transposed`, as [n, k].
template <class T>
struct Product {
  gemm::Left<T> a;
  gemm::Rows<const T> b;
  gemm::Rows<T> out;
  int64_t m;
  int64_t n;
  int64_t k;
  bool b_is_transposed;
};

// Rows of a task: equal heights of whole tiles.
int64_t task_rows(int64_t rows) {
  const int64_t tasks = (rows + kTaskRows - 1) / kTaskRows;
  return ((rows + tasks - 1) / tasks + kTileRows - 1) / kTileRows * kTileRows;
}
// Columns of a task: equal widths of whole lanes, no more than a panel's.
int64_t task_columns(int64_t n) {
  const int64_t tasks = (n + gemm::kMaxPanelColumns - 1) / gemm::kMaxPanelColumns;
  return gemm::padded_columns((n + tasks - 1) / tasks);
}

// What of b a task packs at a time: columns from `column` on, k from `k` on.
struct Part {
  int64_t column = 0;
  int64_t columns = 0;
  int64_t k = 0;
  int64_t count = 0;
};

template <class T>
Part part_at(const Product<T>& p, int64_t column, int64_t k) {
  constexpr int64_t kBlock = kBlockWords * gemm::kInWord<T>;
  return {column, std::min(task_columns(p.n), p.n - column), k, std::min(kBlock, p.k - k)};
}
// The next one of a task, or the first of the task behind it; empty behind the last.
template <class T>
Part part_after(const Product<T>& p, const Part& part) {
  if (part.k + part.count < p.k) return part_at(p, part.column, part.k + part.count);
  const int64_t column = part.column + part.columns;
  return column < p.n ? part_at(p, column, 0) : Part{};
}

template <class T>
gemm::Rows<const T> rows_of(const Product<T>& p, const Part& part) {
  const auto& [b, stride] = p.b;
  return {p.b_is_transposed ? b + part.column * stride + part.k : b + part.k * stride + part.column,
          stride};
}
template <class T>
gemm::Ahead ahead_of(const Product<T>& p, const Part& part) {
  constexpr auto kSize = static_cast<int64_t>(sizeof(T));
  const gemm::Rows<const T> rows = rows_of(p, part);
  return {reinterpret_cast<const char*>(rows.data), p.b_is_transposed ? part.columns : part.count,
          (p.b_is_transposed ? part.count : part.columns) * kSize, rows.stride * kSize};
}

struct Scratch {
  gemm::Buffer<uint32_t> words{kBlockWords * gemm::kMaxPanelColumns};
  gemm::Buffer<float> sums{kTaskRows * gemm::kMaxPanelColumns};
};

// Calls `work(row, column, scratch)` for every task of a result [rows, columns].
template <class Work>
void for_each_block(int64_t rows, int64_t columns, const Work& work) {
  const int64_t width = task_columns(columns);
  const int64_t across = (columns + width - 1) / width;
  const int64_t height = task_rows(rows);
  const int64_t down = (rows + height - 1) / height;
  parallel_for(across * down, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch;
    for (int64_t task = begin; task < end; ++task) {
      work(task / across * height, task % across * width, scratch);
    }
  });
}

template <class T>
void multiply_block(const Product<T>& p, int64_t row, int64_t column, const Scratch& scratch) {
  const int64_t rows = std::min(task_rows(p.m), p.m - row);
  const int64_t columns = std::min(task_columns(p.n), p.n - column);
  const gemm::Rows<float> sums{scratch.sums.data(), gemm::padded_columns(columns)};
  const gemm::Output<T> out{{p.out.data + row * p.out.stride + column, p.out.stride}};
  for (Part part = part_at(p, column, 0); part.column == column && part.count > 0;) {
    const gemm::Rows<const T> b = rows_of(p, part);
    const gemm::Right right =
        p.b_is_transposed ? gemm::pack_transposed(b, part.count, columns, scratch.words.data())
                          : gemm::pack(b, part.count, columns, scratch.words.data());
    const gemm::Left<T> a{p.a.data + row * p.a.row + gemm::words_of<T>(part.k) * p.a.word, p.a.row,
                          p.a.word};
    const Part next = part_after(p, part);
    const bool is_first = part.k == 0;
    if (part.k + part.count == p.k) {
      gemm::multiply_to(a, rows, right, is_first ? gemm::Rows<float>{} : sums, out,
                        ahead_of(p, next));
    } else {
      gemm::multiply(a, rows, right, sums, is_first ? gemm::Into::kReplace : gemm::Into::kAdd,
                     ahead_of(p, next));
    }
    part = next;
  }
}

template <class T>
void multiply_all(const Product<T>& p) {
  for_each_block(p.m, p.n, [&](int64_t row, int64_t column, const Scratch& scratch) {
    multiply_block(p, row, column, scratch);
  });
}

template <class T>
void multiply_weight(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out) {
  const bool rows_are_dense = weight.stride(1) == 1;
  multiply_all(Product<T>{{x.const_data_ptr<T>(), x.stride(0)},
                          {weight.const_data_ptr<T>(), weight.stride(rows_are_dense ? 0 : 1)},
                          {out.data_ptr<T>(), out.stride(0)},
                          x.size(0),
                          weight.size(0),
                          x.size(1),
                          rows_are_dense});
}

// yᵀ of all rows, as a left matrix.
template <class T>
gemm::Left<T> pack_transposed_left(const at::Tensor& y, const gemm::Buffer<uint32_t>& words) {
  constexpr int64_t kRows = 64;  // of a task; whole words
  const int64_t columns = gemm::padded_columns(y.size(1));
  parallel_for((y.size(0) + kRows - 1) / kRows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * kRows; row < std::min(end * kRows, y.size(0)); row += kRows) {
      gemm::pack_left_transposed(
          gemm::Rows<const T>{y.const_data_ptr<T>() + row * y.stride(0), y.stride(0)},
          std::min(kRows, y.size(0) - row), y.size(1),
          words.data() + gemm::words_of<T>(row) * columns);
    }
  });
  return {reinterpret_cast<const T*>(words.data()), gemm::kInWord<T>, columns * gemm::kInWord<T>};
}

template <class T>
void sum_outer_products(const at::Tensor& y, const at::Tensor& x, const at::Tensor& out) {
  const gemm::Buffer<uint32_t> words(gemm::packed_words<T>(y.size(0), y.size(1)));
  multiply_all(Product<T>{pack_transposed_left<T>(y, words),
                          {x.const_data_ptr<T>(), x.stride(0)},
                          {out.data_ptr<T>(), out.stride(0)},
                          y.size(1),
                          x.size(1),
                          y.size(0),
                          /*b_is_transposed=*/false});
}

}  // namespace

bool has_gemm_product(const at::Tensor& x, const at::Tensor& weight) {
  constexpr int64_t kWord = sizeof(uint32_t);
  return x.is_cpu() && gemm::is_fast(x.scalar_type()) && x.dim() == 2 && x.size(0) >= kFewRows &&
         weight.numel() > 0 && x.size(1) <= kLongRow && x.size(1) * x.element_size() % kWord == 0 &&
         (weight.stride(0) == 1 || weight.stride(1) == 1);
}

at::Tensor gemm_product(const at::Tensor& x_in, const at::Tensor& weight) {
  const at::Tensor x = x_in.contiguous();
  at::Tensor out = at::empty({x.size(0), weight.size(0)}, x.options());
  if (x.scalar_type() == at::kFloat) {
    multiply_weight<float>(x, weight, out);
  } else {
    multiply_weight<at::BFloat16>(x, weight, out);
  }
  return out;
}

bool has_gemm_outer_product(const at::Tensor& y, const at::Tensor& x) {
  return x.is_cpu() && gemm::is_fast(x.scalar_type()) && x.dim() == 2 && y.dim() == 2 &&
         x.numel() > 0 && y.numel() > 0;
}

at::Tensor gemm_outer_product(const at::Tensor& y_in, const at::Tensor& x_in) {
  const at::Tensor y = y_in.contiguous();
  const at::Tensor x = x_in.contiguous();
  at::Tensor out = at::empty({y.size(1), x.size(1)}, x.options());
  if (x.scalar_type() == at::kFloat) {
    sum_outer_products<float>(y, x, out);
  } else {
    sum_outer_products<at::BFloat16>(y, x, out);
  }
  return out;
}

}  // namespace omnigen::nn
