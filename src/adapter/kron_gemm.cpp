// n tokens of a block; a, b, c, d, p as in KronFactors.
#include "adapter/kron_gemm.h"

#include <algorithm>
#include <type_traits>

#include "nn/gemm.h"
#include "nn/gemm_tokens.h"
#include "nn/parallel.h"
#include "util/profile.h"

namespace omnigen::adapter {
namespace {

namespace gemm = nn::gemm;
using gemm::Into;
using gemm::Rows;

// Of a block, a or c rows of which are one token: it stays in the second-level cache, packed too.
constexpr int64_t kBlockRows = 384;
constexpr int64_t kBlockElements = int64_t{1} << 18;
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
  [[nodiscard]] Rows<const T> as_rows() const {
    return {values.template const_data_ptr<T>(), columns};
  }
};

// For x · Mᵀ and for g · M.
template <class T>
gemm::Right pack_for_rows(const Factor<T>& m, const gemm::Buffer<uint32_t>& words) {
  return gemm::pack_transposed(m.as_rows(), m.columns, m.rows, words.data());
}
template <class T>
gemm::Right pack_for_gradients(const Factor<T>& m, const gemm::Buffer<uint32_t>& words) {
  return gemm::pack(m.as_rows(), m.rows, m.columns, words.data());
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
  const int64_t rows = std::min(kBlockRows, kBlockElements / std::max({s.b, s.d, s.p}));
  return std::max<int64_t>(1, rows / std::max(s.a, s.c));
}

// What one thread works with.
template <class T>
struct Workspace {
  explicit Workspace(const KronSizes& s)
      : rows(std::min(s.tokens, tokens_of_block(s)) * std::max(s.a, s.c)),
        token(gemm::packed_words<T>(std::max(s.a, s.c), s.p)),
        mixed(rows * s.p),
        grad_mixed(rows * s.p),
        left(gemm::packed_words<T>(rows, std::max(s.b, s.p))),
        right(gemm::packed_words<T>(rows, std::max(s.d, s.p))) {}

  int64_t rows;
  gemm::Buffer<uint32_t> token;
  gemm::Buffer<T> mixed;
  gemm::Buffer<T> grad_mixed;
  gemm::Buffer<uint32_t> left;
  gemm::Buffer<uint32_t> right;
};

// Rows of a matrix that lie side by side.
template <class T>
struct Block {
  T* data;
  int64_t rows;
  int64_t columns;

  [[nodiscard]] Rows<const T> as_rows() const { return {data, columns}; }
  [[nodiscard]] gemm::TokenRows<std::remove_const_t<T>> as_tokens(int64_t rows_of_token) const {
    return {data, rows / rows_of_token, rows_of_token, columns};
  }
  // Where a product goes.
  [[nodiscard]] gemm::Output<T> as_output(Into into = Into::kReplace) const {
    return {{data, columns}, into};
  }
  operator Block<const T>() const { return {data, rows, columns}; }
};
template <class T>
using Read = Block<const T>;
// out [n·rows, p] of x, n tokens of [k, p].
template <class T>
void mix(const Mixer<T>& mixer, const Read<T>& x, const Workspace<T>& w,
         const gemm::Output<T>& out) {
  gemm::multiply_tokens(mixer.left(), mixer.rows, x.as_tokens(mixer.k), out, w.token.data());
}

// out [rows, n of right].
template <class T>
void multiply_rows(const Read<T>& x, const gemm::Right& right, const gemm::Output<T>& out) {
  gemm::multiply_to(gemm::Left<T>{x.data, x.columns}, x.rows, right, {}, out);
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
  [[nodiscard]] Rows<float> part(int64_t index) const {
    return {sums_.data_ptr<float>() + index * sums_.stride(0), sums_.stride(1)};
  }
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
  Forward(const at::Tensor& out, KronPass& pass, const ScaledKron& scaled)
      : s_(scaled.sizes),
        x_(pass.x.const_data_ptr<T>()),
        out_(out.data_ptr<T>()),
        before_(pass.factors.before_PD, pass.x.scalar_type()),
        after_(pass.factors.after_BP, pass.x.scalar_type()),
        mixer_(scaled.w1_AC, pass.x.scalar_type()),
        before_words_(gemm::packed_words<T>(s_.d, s_.p)),
        after_words_(gemm::packed_words<T>(s_.p, s_.b)) {
    if (before_.exists()) {
      project_ = pack_for_rows(before_, before_words_);
      pass.projected = at::empty({s_.tokens, s_.c, s_.p}, pass.x.options());
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
    Read<T> x{x_ + token * s_.c * s_.d, n * s_.c, s_.d};
    if (before_.exists()) {
      const Block<T> projected{projected_ + token * s_.c * s_.p, n * s_.c, s_.p};
      multiply_rows<T>(x, project_, projected.as_output());
      x = projected;
    }
    const Block<T> out{out_ + token * s_.a * s_.b, n * s_.a, s_.b};
    if (after_.exists()) {
      const Block<T> mixed{w.mixed.data(), n * s_.a, s_.p};
      mix(mixer_, x, w, mixed.as_output());
      multiply_rows<T>(mixed, expand_, out.as_output(Into::kAdd));
    } else {
      mix(mixer_, x, w, out.as_output(Into::kAdd));
    }
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

template <class T>
struct GradXTarget {
  T* data = nullptr;  // null: nowhere
  Into into = Into::kReplace;
};

template <class T>
class Backward {
 public:
  Backward(const KronPass& pass, const ScaledKron& scaled, const at::Tensor& grad_out,
           const KronWanted& wanted, GradXTarget<T> grad_x)
      : s_(scaled.sizes),
        x_(pass.x.const_data_ptr<T>()),
        grad_(grad_out.const_data_ptr<T>()),
        grad_x_(grad_x),
        dtype_(pass.x.scalar_type()),
        before_(pass.factors.before_PD, dtype_),
        after_(pass.factors.after_BP, dtype_),
        mixed_(before_.exists() ? pass.projected.const_data_ptr<T>() : x_),
        forth_(scaled.w1_AC, dtype_),
        back_(scaled.w1_AC.t(), dtype_),
        before_words_(gemm::packed_words<T>(s_.p, s_.d)),
        after_words_(gemm::packed_words<T>(s_.b, s_.p)),
        parts_(std::clamp<int64_t>(s_.tokens / kPartTokens, 1, kMaxParts)),
        sum_w1_(wanted.w1, parts_, s_.a, s_.c),
        sum_before_(wanted.before, parts_, s_.p, s_.d),
        sum_after_(wanted.after, parts_, s_.b, s_.p) {
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
    const Read<T> x{x_ + token * s_.c * s_.d, n * s_.c, s_.d};
    const Read<T> grad{grad_ + token * s_.a * s_.b, n * s_.a, s_.b};
    const Read<T> before_mix{mixed_ + token * s_.c * s_.p, n * s_.c, s_.p};
    if (sum_after_.wanted()) {  // cheaper to mix again than to keep
      const Block<T> mixed{w.mixed.data(), n * s_.a, s_.p};
      mix(forth_, before_mix, w, mixed.as_output());
      add_outer_product(grad, mixed, w, sum_after_.part(part));
    }
    Read<T> grad_mixed = grad;
    if (after_.exists()) {
      const Block<T> contracted{w.grad_mixed.data(), n * s_.a, s_.p};
      multiply_rows<T>(grad, expand_, contracted.as_output());
      grad_mixed = contracted;
    }
    if (sum_w1_.wanted()) {
      gemm::add_token_products(grad_mixed.as_tokens(s_.a), before_mix.as_tokens(s_.c),
                               sum_w1_.part(part));
    }
    if (!sum_before_.wanted() && grad_x_.data == nullptr) return;
    const Block<T> grad_x{grad_x_.data + token * s_.c * s_.d, n * s_.c, s_.d};
    if (!before_.exists()) return mix(back_, grad_mixed, w, grad_x.as_output(grad_x_.into));
    const Block<T> projected{w.mixed.data(), n * s_.c, s_.p};
    mix(back_, grad_mixed, w, projected.as_output());
    if (sum_before_.wanted()) add_outer_product(projected, x, w, sum_before_.part(part));
    if (grad_x_.data == nullptr) return;
    multiply_rows<T>(projected, project_, grad_x.as_output(grad_x_.into));
  }

  // sums [columns of y, columns of x] += yᵀ · x.
  void add_outer_product(const Read<T>& y, const Read<T>& x, const Workspace<T>& w,
                         const Rows<float>& sums) const {
    const gemm::Left<T> left =
        gemm::pack_left_transposed(y.as_rows(), y.rows, y.columns, w.left.data());
    const gemm::Right right = gemm::pack(x.as_rows(), x.rows, x.columns, w.right.data());
    gemm::multiply(left, y.columns, right, sums, Into::kAdd);
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
GradXTarget<T> target_of(GradX mode, const at::Tensor& fresh, const at::Tensor& grad_x) {
  if (mode == GradX::kNew) return {fresh.data_ptr<T>(), Into::kReplace};
  if (mode == GradX::kAdd) return {grad_x.data_ptr<T>(), Into::kAdd};
  return {};
}

}  // namespace

bool has_kron_gemm(const KronSizes& s, const at::Tensor& x) {
  if (!x.is_cpu() || !gemm::is_fast(x.scalar_type()) || s.tokens == 0) return false;
  const int64_t in_word = x.scalar_type() == at::kFloat ? 1 : gemm::kInWord<at::BFloat16>;
  if (s.b % in_word != 0 || s.d % in_word != 0 || s.p % in_word != 0) return false;
  return s.a * s.c > 1 && std::max(s.p * s.d, s.b * s.p) <= kMaxFactorElements;
}

void kron_forward_by_gemm(const at::Tensor& out, KronPass& pass, const ScaledKron& scaled) {
  const KronFactors& f = pass.factors;
  count_flop(scaled.sizes, f.before_PD.defined() ? 1 : 0, 1, f.after_BP.defined() ? 1 : 0);
  if (pass.x.scalar_type() == at::kFloat) {
    Forward<float>(out, pass, scaled).run();
  } else {
    Forward<at::BFloat16>(out, pass, scaled).run();
  }
}

KronGradients kron_backward_by_gemm(const KronPass& pass, const ScaledKron& scaled,
                                    const at::Tensor& grad_out, const KronWanted& wanted,
                                    GradX mode, const at::Tensor& grad_x) {
  const KronFactors& f = pass.factors;
  const bool x_wanted = mode != GradX::kUnwanted;
  count_flop(scaled.sizes, (wanted.before ? 1 : 0) + (f.before_PD.defined() && x_wanted ? 1 : 0),
             (wanted.after ? 1 : 0) + (wanted.w1 ? 1 : 0) + (wanted.before || x_wanted ? 1 : 0),
             (wanted.after ? 1 : 0) + (f.after_BP.defined() ? 1 : 0));
  KronGradients found;
  if (mode == GradX::kNew) found.x = at::empty(pass.x.sizes(), pass.x.options());
  const auto run = [&]<class T>(T /*type*/) {
    const Backward<T> work(pass, scaled, grad_out, wanted, target_of<T>(mode, found.x, grad_x));
    work.run();
    found.factors = work.gradients(pass);
  };
  if (pass.x.scalar_type() == at::kFloat) {
    run(float{});
  } else {
    run(at::BFloat16{});
  }
  return found;
}

}  // namespace omnigen::adapter
