// n tokens of a block; a, b, c, d, p as in KronFactors.
#include "adapter/kron_gemm.h"

#include <algorithm>

#include "nn/gemm.h"
#include "nn/parallel.h"
#include "util/profile.h"

namespace omnigen::adapter {
namespace {

namespace gemm = nn::gemm;

// Rows of a block, a or c of which are one token: enough to fill tiles, and their sums few enough
// for the second-level cache.
constexpr int64_t kBlockRows = 384;
constexpr int64_t kBlockSums = int64_t{1} << 16;
// Gradients are summed over parts of the tokens, and the parts at the end: as many parts whatever
// the number of threads.
constexpr int64_t kPartTokens = 128;
constexpr int64_t kMaxParts = 8;
constexpr int64_t kMaxFactorElements = int64_t{1} << 16;

// A factor [rows, columns] in the dtype of the computation.
template <class T>
struct Factor {
  at::Tensor values;
  int64_t rows = 0;
  int64_t columns = 0;

  explicit Factor(const at::Tensor& matrix, at::ScalarType dtype) {
    if (!matrix.defined()) return;
    values = matrix.to(dtype).contiguous();
    rows = values.size(0);
    columns = values.size(1);
  }
  [[nodiscard]] bool exists() const { return values.defined(); }
};

// For x · Mᵀ and for g · M.
template <class T>
gemm::Right pack_for_rows(const Factor<T>& m, const gemm::Buffer<uint32_t>& words) {
  return gemm::pack_transposed(m.values.template const_data_ptr<T>(), m.columns, m.columns, m.rows,
                               words.data());
}
template <class T>
gemm::Right pack_for_gradients(const Factor<T>& m, const gemm::Buffer<uint32_t>& words) {
  return gemm::pack(m.values.template const_data_ptr<T>(), m.columns, m.rows, m.columns,
                    words.data());
}

// W1 or W1ᵀ, for products with the rows of one token.
template <class T>
struct Mixer {
  at::Tensor values;  // rows of whole words
  int64_t rows = 0;
  int64_t k = 0;

  Mixer(const at::Tensor& matrix, at::ScalarType dtype)
      : values(at::zeros({matrix.size(0), gemm::words_of<T>(matrix.size(1)) * gemm::kInWord<T>},
                         at::TensorOptions().dtype(dtype))),
        rows(matrix.size(0)),
        k(matrix.size(1)) {
    values.narrow(1, 0, k).copy_(matrix);
  }
  [[nodiscard]] gemm::Left<T> left() const {
    return {values.template const_data_ptr<T>(), values.stride(0)};
  }
};

int64_t tokens_of_block(const KronSizes& s) {
  const int64_t rows = std::min(kBlockRows, kBlockSums / std::max({s.b, s.d, s.p}));
  return std::max<int64_t>(1, rows / std::max(s.a, s.c));
}

// What one thread works with.
template <class T>
struct Workspace {
  explicit Workspace(const KronSizes& s)
      : rows(std::min(s.tokens, tokens_of_block(s)) * std::max(s.a, s.c)),
        token(gemm::packed_words<T>(std::max(std::max(s.a, s.c), s.p), std::max(s.c, s.p))),
        sums(rows * gemm::padded_columns(std::max({s.b, s.d, s.p}))),
        mixed(rows * s.p),
        grad_mixed(rows * s.p),
        left(gemm::packed_words<T>(rows, std::max(s.b, s.p))),
        right(gemm::packed_words<T>(rows, std::max(s.d, s.p))) {}

  int64_t rows;
  gemm::Buffer<uint32_t> token;
  gemm::Buffer<float> sums;
  gemm::Buffer<T> mixed;
  gemm::Buffer<T> grad_mixed;
  gemm::Buffer<uint32_t> left;
  gemm::Buffer<uint32_t> right;
};

// sums [n·rows, p] of x [n, k, p].
template <class T>
void mix(const Mixer<T>& mixer, const T* x, int64_t n, int64_t p, const Workspace<T>& w) {
  const int64_t stride = gemm::padded_columns(p);
  for (int64_t token = 0; token < n; ++token) {
    const gemm::Right right = gemm::pack(x + token * mixer.k * p, p, mixer.k, p, w.token.data());
    gemm::multiply(mixer.left(), mixer.rows, right, mixer.k, p,
                   w.sums.data() + token * mixer.rows * stride, stride, /*add=*/false);
  }
}

// sums [rows, n of right] of x [rows, k of right].
template <class T>
void multiply_rows(const T* x, int64_t rows, const gemm::Right& right, const Workspace<T>& w) {
  gemm::multiply(gemm::Left<T>{x, right.k}, rows, right, right.k, right.n, w.sums.data(),
                 gemm::padded_columns(right.n), /*add=*/false);
}

template <class T>
void store(const Workspace<T>& w, int64_t rows, int64_t columns, T* out, bool add) {
  gemm::store<T>(w.sums.data(), gemm::padded_columns(columns), rows, columns, nullptr, out, columns,
                 add);
}

// The sums of a gradient [rows, columns] by part, in rows of whole lanes.
class PartSums {
 public:
  PartSums(bool wanted, int64_t parts, int64_t rows, int64_t columns) : columns_(columns) {
    if (wanted) {
      sums_ = at::zeros({parts, rows, gemm::padded_columns(columns)},
                        at::TensorOptions().dtype(at::kFloat));
    }
  }
  [[nodiscard]] bool wanted() const { return sums_.defined(); }
  [[nodiscard]] float* part(int64_t index) const {
    return sums_.data_ptr<float>() + index * sums_.stride(0);
  }
  [[nodiscard]] int64_t stride() const { return sums_.stride(1); }
  // Undefined where not wanted.
  [[nodiscard]] at::Tensor total(double scale, at::ScalarType dtype) const {
    if (!wanted()) return {};
    const at::Tensor sum = sums_.size(0) == 1 ? sums_[0] : sums_.sum(0);
    return sum.narrow(1, 0, columns_).to(dtype).contiguous().mul_(scale);
  }

 private:
  at::Tensor sums_;
  int64_t columns_;
};

template <class T>
class Forward {
 public:
  Forward(const at::Tensor& out, KronPass& pass, const KronSizes& s, const at::Tensor& w1)
      : s_(s),
        x_(pass.x.const_data_ptr<T>()),
        out_(out.data_ptr<T>()),
        before_(pass.factors.before_PD, pass.x.scalar_type()),
        after_(pass.factors.after_BP, pass.x.scalar_type()),
        mixer_(w1, pass.x.scalar_type()),
        before_words_(gemm::packed_words<T>(s.d, s.p)),
        after_words_(gemm::packed_words<T>(s.p, s.b)) {
    if (before_.exists()) {
      project_ = pack_for_rows(before_, before_words_);
      pass.projected = at::empty({s.tokens, s.c, s.p}, pass.x.options());
      projected_ = pass.projected.data_ptr<T>();
    }
    if (after_.exists()) expand_ = pack_for_rows(after_, after_words_);
  }

  void run() const {
    const int64_t block = tokens_of_block(s_);
    nn::parallel_for((s_.tokens + block - 1) / block, 1, [&](int64_t begin, int64_t end) {
      const Workspace<T> w(s_);
      for (int64_t token = begin * block; token < std::min(end * block, s_.tokens);
           token += block) {
        run(token, std::min(block, s_.tokens - token), w);
      }
    });
  }

 private:
  void run(int64_t token, int64_t n, const Workspace<T>& w) const {
    const T* x = x_ + token * s_.c * s_.d;
    T* out = out_ + token * s_.a * s_.b;
    if (before_.exists()) {
      T* projected = projected_ + token * s_.c * s_.p;
      multiply_rows(x, n * s_.c, project_, w);
      store(w, n * s_.c, s_.p, projected, /*add=*/false);
      x = projected;
    }
    mix(mixer_, x, n, s_.p, w);
    if (after_.exists()) {
      store(w, n * s_.a, s_.p, w.mixed.data(), /*add=*/false);
      multiply_rows(w.mixed.data(), n * s_.a, expand_, w);
    }
    store(w, n * s_.a, s_.b, out, /*add=*/true);
  }

  KronSizes s_;
  const T* x_;
  T* out_;
  Factor<T> before_;
  Factor<T> after_;
  Mixer<T> mixer_;
  gemm::Buffer<uint32_t> before_words_;
  gemm::Buffer<uint32_t> after_words_;
  gemm::Right project_;
  gemm::Right expand_;
  T* projected_ = nullptr;
};

// Where the gradient of x goes.
template <class T>
struct GradXTarget {
  T* data = nullptr;  // null: nowhere
  bool add = false;
};

template <class T>
class Backward {
 public:
  Backward(const KronPass& pass, const KronSizes& s, const at::Tensor& w1,
           const at::Tensor& grad_out, const KronWanted& wanted, GradXTarget<T> grad_x)
      : s_(s),
        x_(pass.x.const_data_ptr<T>()),
        grad_(grad_out.const_data_ptr<T>()),
        grad_x_(grad_x),
        dtype_(pass.x.scalar_type()),
        before_(pass.factors.before_PD, dtype_),
        after_(pass.factors.after_BP, dtype_),
        mixed_(before_.exists() ? pass.projected.const_data_ptr<T>() : x_),
        forth_(w1, dtype_),
        back_(w1.t(), dtype_),
        before_words_(gemm::packed_words<T>(s.p, s.d)),
        after_words_(gemm::packed_words<T>(s.b, s.p)),
        parts_(std::clamp<int64_t>(s.tokens / kPartTokens, 1, kMaxParts)),
        sum_w1_(wanted.w1, parts_, s.a, s.c),
        sum_before_(wanted.before, parts_, s.p, s.d),
        sum_after_(wanted.after, parts_, s.b, s.p) {
    if (before_.exists()) project_ = pack_for_gradients(before_, before_words_);
    if (after_.exists()) expand_ = pack_for_gradients(after_, after_words_);
  }

  void run() const {
    const int64_t part_tokens = (s_.tokens + parts_ - 1) / parts_;
    const int64_t block = tokens_of_block(s_);
    nn::parallel_for(parts_, 1, [&](int64_t begin, int64_t end) {
      const Workspace<T> w(s_);
      for (int64_t part = begin; part < end; ++part) {
        const int64_t last = std::min(s_.tokens, (part + 1) * part_tokens);
        for (int64_t token = part * part_tokens; token < last; token += block) {
          run(part, token, std::min(block, last - token), w);
        }
      }
    });
  }

  [[nodiscard]] KronFactors gradients(const KronPass& pass) const {
    const auto dtype_of = [](const at::Tensor& factor) {
      return factor.defined() ? factor.scalar_type() : at::kFloat;
    };
    return {sum_w1_.total(pass.scale, dtype_of(pass.factors.w1_AC)),
            sum_before_.total(1.0, dtype_of(pass.factors.before_PD)),
            sum_after_.total(1.0, dtype_of(pass.factors.after_BP))};
  }

 private:
  void run(int64_t part, int64_t token, int64_t n, const Workspace<T>& w) const {
    const T* grad = grad_ + token * s_.a * s_.b;
    const T* before_mix = mixed_ + token * s_.c * s_.p;
    if (sum_after_.wanted()) {  // cheaper to mix again than to keep
      mix(forth_, before_mix, n, s_.p, w);
      store(w, n * s_.a, s_.p, w.mixed.data(), /*add=*/false);
      add_outer_product(sum_after_, part, grad, w.mixed.data(), n * s_.a, s_.b, s_.p, w);
    }
    const T* grad_mixed = grad;
    if (after_.exists()) {
      multiply_rows(grad, n * s_.a, expand_, w);
      store(w, n * s_.a, s_.p, w.grad_mixed.data(), /*add=*/false);
      grad_mixed = w.grad_mixed.data();
    }
    if (sum_w1_.wanted()) add_mixer_gradient(part, grad_mixed, before_mix, n, w);
    if (!sum_before_.wanted() && grad_x_.data == nullptr) return;
    mix(back_, grad_mixed, n, s_.p, w);
    T* grad_x = grad_x_.data != nullptr ? grad_x_.data + token * s_.c * s_.d : nullptr;
    if (before_.exists()) {
      store(w, n * s_.c, s_.p, w.mixed.data(), /*add=*/false);
      if (sum_before_.wanted()) {
        add_outer_product(sum_before_, part, w.mixed.data(), x_ + token * s_.c * s_.d, n * s_.c,
                          s_.p, s_.d, w);
      }
      if (grad_x == nullptr) return;
      multiply_rows(w.mixed.data(), n * s_.c, project_, w);
    }
    store(w, n * s_.c, s_.d, grad_x, grad_x_.add);
  }

  // [columns of y, columns of x] += yᵀ · x.
  void add_outer_product(const PartSums& into, int64_t part, const T* y, const T* x, int64_t rows,
                         int64_t y_columns, int64_t x_columns, const Workspace<T>& w) const {
    const gemm::Left<T> left =
        gemm::pack_left_transposed(y, y_columns, rows, y_columns, w.left.data());
    const gemm::Right right = gemm::pack(x, x_columns, rows, x_columns, w.right.data());
    gemm::multiply(left, y_columns, right, rows, x_columns, into.part(part), into.stride(),
                   /*add=*/true);
  }

  // [a, c] += Σ over tokens of y [a, p] · xᵀ, x [c, p].
  void add_mixer_gradient(int64_t part, const T* y, const T* x, int64_t n,
                          const Workspace<T>& w) const {
    for (int64_t token = 0; token < n; ++token) {
      const gemm::Right right =
          gemm::pack_transposed(x + token * s_.c * s_.p, s_.p, s_.p, s_.c, w.token.data());
      gemm::multiply(gemm::Left<T>{y + token * s_.a * s_.p, s_.p}, s_.a, right, s_.p, s_.c,
                     sum_w1_.part(part), sum_w1_.stride(), /*add=*/true);
    }
  }

  KronSizes s_;
  const T* x_;
  const T* grad_;
  GradXTarget<T> grad_x_;
  at::ScalarType dtype_;
  Factor<T> before_;
  Factor<T> after_;
  const T* mixed_;  // what W1 mixes
  Mixer<T> forth_;
  Mixer<T> back_;
  gemm::Buffer<uint32_t> before_words_;
  gemm::Buffer<uint32_t> after_words_;
  int64_t parts_;
  PartSums sum_w1_;
  PartSums sum_before_;
  PartSums sum_after_;
  gemm::Right project_;
  gemm::Right expand_;
};

// Multiply-adds of a pass over all tokens, twice.
void count_flop(const KronSizes& s, int64_t products_of_before, int64_t mixes,
                int64_t products_of_after) {
  const int64_t of_token = products_of_before * s.c * s.d * s.p + mixes * s.a * s.c * s.p +
                           products_of_after * s.a * s.p * s.b;
  util::count_flop(2.0 * static_cast<double>(s.tokens) * static_cast<double>(of_token));
}

template <class T>
KronGradients backward(const KronPass& pass, const KronSizes& sizes, const at::Tensor& w1_AC,
                       const at::Tensor& grad_out, const KronWanted& wanted, GradX mode,
                       const at::Tensor& grad_x) {
  KronGradients found;
  GradXTarget<T> target;
  if (mode == GradX::kNew) {
    found.x = at::empty(pass.x.sizes(), pass.x.options());
    target = {found.x.data_ptr<T>(), false};
  } else if (mode == GradX::kAdd) {
    target = {grad_x.data_ptr<T>(), true};
  }
  const Backward<T> work(pass, sizes, w1_AC, grad_out, wanted, target);
  work.run();
  found.factors = work.gradients(pass);
  return found;
}

}  // namespace

bool has_kron_gemm(const KronSizes& s, const at::Tensor& x) {
  if (!x.is_cpu() || !gemm::is_fast(x.scalar_type()) || s.tokens == 0) return false;
  const int64_t in_word = x.scalar_type() == at::kFloat ? 1 : gemm::kInWord<at::BFloat16>;
  if (s.b % in_word != 0 || s.d % in_word != 0 || s.p % in_word != 0) return false;
  return s.a * s.c > 1 && std::max(s.p * s.d, s.b * s.p) <= kMaxFactorElements;
}

void kron_forward_by_gemm(const at::Tensor& out, KronPass& pass, const KronSizes& sizes,
                          const at::Tensor& w1_AC) {
  const KronFactors& f = pass.factors;
  count_flop(sizes, f.before_PD.defined() ? 1 : 0, 1, f.after_BP.defined() ? 1 : 0);
  if (pass.x.scalar_type() == at::kFloat) {
    Forward<float>(out, pass, sizes, w1_AC).run();
  } else {
    Forward<at::BFloat16>(out, pass, sizes, w1_AC).run();
  }
}

KronGradients kron_backward_by_gemm(const KronPass& pass, const KronSizes& sizes,
                                    const at::Tensor& w1_AC, const at::Tensor& grad_out,
                                    const KronWanted& wanted, GradX mode,
                                    const at::Tensor& grad_x) {
  const KronFactors& f = pass.factors;
  const bool back = wanted.before || mode != GradX::kUnwanted;
  count_flop(sizes,
             (wanted.before ? 1 : 0) + (f.before_PD.defined() && mode != GradX::kUnwanted ? 1 : 0),
             (wanted.after ? 1 : 0) + (wanted.w1 ? 1 : 0) + (back ? 1 : 0),
             (wanted.after ? 1 : 0) + (f.after_BP.defined() ? 1 : 0));
  return pass.x.scalar_type() == at::kFloat
             ? backward<float>(pass, sizes, w1_AC, grad_out, wanted, mode, grad_x)
             : backward<at::BFloat16>(pass, sizes, w1_AC, grad_out, wanted, mode, grad_x);
}

}  // namespace omnigen::adapter
