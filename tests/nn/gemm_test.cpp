#include "nn/gemm.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "nn/gemm_tokens.h"
#include "support/tensor_near.h"

namespace omnigen::nn::gemm {
namespace {

struct Size {
  int64_t m;
  int64_t k;
  int64_t n;
};

// Cuts of tiles, panels, words and blocks of k.
const std::vector<Size> kSizes = {{1, 2, 1},    {5, 7, 16},    {6, 8, 64},     {13, 96, 337},
                                  {24, 33, 48}, {96, 337, 96}, {31, 1100, 80}, {47, 2051, 130}};
// Rows of a token that stay in registers and more, odd ones; columns of pairs, vectors and parts.
const std::vector<Size> kTokenSizes = {{1, 2, 32},   {3, 1, 6},    {8, 8, 96}, {8, 5, 50},
                                       {16, 16, 48}, {13, 20, 34}, {5, 16, 2}};

template <class T>
class GemmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_fast(dtype())) GTEST_SKIP() << "this processor leaves products to the library";
  }
  static at::ScalarType dtype() { return c10::CppTypeToScalarType<T>::value; }
  at::Tensor draw(at::IntArrayRef sizes) { return at::randn(sizes, generator_).to(dtype()); }
  // Rows of whole words, the rest zero.
  static at::Tensor in_words(const at::Tensor& a) {
    at::Tensor wide = at::zeros({a.size(0), words_of<T>(a.size(1)) * kInWord<T>}, a.options());
    wide.narrow(1, 0, a.size(1)).copy_(a);
    return wide;
  }
  static Left<T> left_of(const at::Tensor& wide) {
    return {wide.const_data_ptr<T>(), wide.stride(0)};
  }
  static at::Tensor sums_for(int64_t m, int64_t n) {
    return at::full({m, padded_columns(n)}, std::numeric_limits<float>::quiet_NaN());
  }
  static Rows<const T> rows_of(const at::Tensor& b) { return {b.const_data_ptr<T>(), b.stride(0)}; }
  static at::Tensor product(const Left<T>& a, int64_t m, const Right& b) {
    const at::Tensor c = sums_for(m, b.packed_n);
    multiply(a, m, b, {c.data_ptr<float>(), c.stride(0)}, Into::kReplace);
    return c.narrow(1, 0, b.n);
  }
  static at::Tensor exact(const at::Tensor& a, const at::Tensor& b) {
    return at::mm(a.to(at::kDouble), b.to(at::kDouble)).to(at::kFloat);
  }

  static void expect_rounded_once(const at::Tensor& found, const at::Tensor& expected) {
    const test::Tolerance tolerance =
        dtype() == at::kFloat ? test::kKernel : test::Tolerance{"rounded once", 4e-3};
    EXPECT_TENSOR_NEAR(found.to(at::kFloat), expected.to(at::kFloat), tolerance);
  }

  at::Generator generator_ = at::detail::createCPUGenerator(5);
};

using Types = ::testing::Types<float, at::BFloat16>;
TYPED_TEST_SUITE(GemmTest, Types);

TYPED_TEST(GemmTest, EitherPackingGivesTheProduct) {
  for (const auto& [m, k, n] : kSizes) {
    SCOPED_TRACE(testing::Message() << m << " x " << k << " x " << n);
    const at::Tensor a = this->draw({m, k});
    const at::Tensor b = this->draw({k, n});
    const at::Tensor b_NK = b.t().contiguous();
    const at::Tensor wide = this->in_words(a);
    const at::Tensor expected = this->exact(a, b);
    const Buffer<uint32_t> words(packed_words<TypeParam>(k, n));
    const Right as_is = pack(this->rows_of(b), k, n, words.data());
    EXPECT_TENSOR_NEAR(this->product(this->left_of(wide), m, as_is), expected, test::kKernel);
    const Right turned = pack_transposed(this->rows_of(b_NK), k, n, words.data());
    EXPECT_TENSOR_NEAR(this->product(this->left_of(wide), m, turned), expected, test::kKernel);
  }
}

TYPED_TEST(GemmTest, ATransposedLeftSideGivesTheSumOverRows) {
  for (const auto& [m, k, n] : kSizes) {
    SCOPED_TRACE(testing::Message() << m << " x " << k << " x " << n);
    const at::Tensor y = this->draw({k, m});
    const at::Tensor x = this->draw({k, n});
    const Buffer<uint32_t> left(packed_words<TypeParam>(k, m));
    const Buffer<uint32_t> right(packed_words<TypeParam>(k, n));
    const Left<TypeParam> y_MK = pack_left_transposed(this->rows_of(y), k, m, left.data());
    const Right packed = pack(this->rows_of(x), k, n, right.data());
    EXPECT_TENSOR_NEAR(this->product(y_MK, m, packed), this->exact(y.t(), x), test::kKernel);
  }
}

TYPED_TEST(GemmTest, GoesThroughAPrefixOfTheRightSide) {
  const at::Tensor a = this->draw({9, 200});
  const at::Tensor b = this->draw({200, 337});
  const Buffer<uint32_t> words(packed_words<TypeParam>(200, 337));
  const Right packed = pack(this->rows_of(b), 200, 337, words.data());
  for (const int64_t k : {1, 64, 131}) {
    for (const int64_t n : {1, 80, 337}) {
      const at::Tensor wide = this->in_words(a.narrow(1, 0, k));
      EXPECT_TENSOR_NEAR(this->product(this->left_of(wide), 9, packed.first(k, n)),
                         this->exact(a.narrow(1, 0, k), b.narrow(0, 0, k).narrow(1, 0, n)),
                         test::kKernel);
    }
  }
}

// Long k as well, which multiply() cuts: sums are in the order of k all the same.
TYPED_TEST(GemmTest, RoundsIntoTheResultWhatItWouldLeaveAsSums) {
  for (const auto& [m, k, n] : kSizes) {
    SCOPED_TRACE(testing::Message() << m << " x " << k << " x " << n);
    const at::Tensor wide = this->in_words(this->draw({m, k}));
    const at::Tensor b = this->draw({k, n});
    const Buffer<uint32_t> words(packed_words<TypeParam>(k, n));
    const Right packed = pack(this->rows_of(b), k, n, words.data());
    const at::Tensor sums = this->product(this->left_of(wide), m, packed);
    const at::Tensor before = this->draw({m, n + 3});
    const at::Tensor more = at::randn({m, padded_columns(n)}, this->generator_);
    for (const Into into : {Into::kReplace, Into::kAdd}) {
      for (const bool with_sums : {false, true}) {
        const at::Tensor out = before.clone();
        const Rows<float> c{with_sums ? more.template data_ptr<float>() : nullptr, more.stride(0)};
        multiply_to(this->left_of(wide), m, packed, c,
                    Output<TypeParam>{{out.data_ptr<TypeParam>(), n + 3}, into});
        at::Tensor expected = sums.to(at::kDouble);
        if (with_sums) expected = expected + more.narrow(1, 0, n);
        if (into == Into::kAdd) expected = expected + before.narrow(1, 0, n);
        this->expect_rounded_once(out.narrow(1, 0, n), expected);
        EXPECT_TENSOR_EQ(out.narrow(1, n, 3), before.narrow(1, n, 3));
        if (!with_sums && into == Into::kReplace && k < 1000) {
          EXPECT_TENSOR_EQ(out.narrow(1, 0, n), sums.to(this->dtype()));
        }
      }
    }
  }
}

TYPED_TEST(GemmTest, FetchingAheadChangesNothing) {
  const at::Tensor a = this->draw({31, 130});
  const at::Tensor b = this->draw({130, 70});
  const Buffer<uint32_t> words(packed_words<TypeParam>(130, 70));
  const Right packed = pack(this->rows_of(b), 130, 70, words.data());
  const at::Tensor expected = this->product(this->left_of(a), 31, packed);
  const at::Tensor next = this->draw({300, 70});
  const auto* data = reinterpret_cast<const char*>(next.const_data_ptr<TypeParam>());
  const auto row = static_cast<int64_t>(70 * sizeof(TypeParam));
  for (const Ahead& ahead : {Ahead{data, 300, row, row}, Ahead{data, 1, 3, row}, Ahead{}}) {
    const at::Tensor c = this->sums_for(31, 70);
    multiply(this->left_of(a), 31, packed, {c.template data_ptr<float>(), c.stride(0)},
             Into::kReplace, ahead);
    EXPECT_TENSOR_EQ(c.narrow(1, 0, 70), expected);
  }
}

TYPED_TEST(GemmTest, ARowDoesNotDependOnItsNeighbours) {
  const at::Tensor a = this->draw({29, 130});
  const at::Tensor b = this->draw({130, 70});
  const Buffer<uint32_t> words(packed_words<TypeParam>(130, 70));
  const Right packed = pack(this->rows_of(b), 130, 70, words.data());
  const at::Tensor all = this->product(this->left_of(a), 29, packed);
  for (const int64_t row : {0, 5, 11, 28}) {
    const at::Tensor alone = this->product(this->left_of(a[row].unsqueeze(0)), 1, packed);
    EXPECT_TENSOR_EQ(alone[0], all[row]);
  }
}

TYPED_TEST(GemmTest, MixesTheRowsOfEveryTokenAsAProductOfOneTokenWould) {
  for (const auto& [m, k, n] : kTokenSizes) {
    SCOPED_TRACE(testing::Message() << m << " x " << k << " x " << n);
    const int64_t tokens = 3;
    const at::Tensor small = this->draw({m, k});
    const at::Tensor wide = this->in_words(small);
    const at::Tensor x = this->draw({tokens, k, n});
    const Buffer<uint32_t> words(packed_words<TypeParam>(k, n));
    for (const Into into : {Into::kReplace, Into::kAdd}) {
      const at::Tensor out = this->draw({tokens, m, n});
      const at::Tensor one_by_one = out.clone();
      multiply_tokens(this->left_of(wide), m,
                      TokenRows<TypeParam>{x.const_data_ptr<TypeParam>(), tokens, k, n},
                      Output<TypeParam>{{out.data_ptr<TypeParam>(), n}, into}, words.data());
      for (int64_t token = 0; token < tokens; ++token) {
        multiply_to(this->left_of(wide), m, pack(this->rows_of(x[token]), k, n, words.data()), {},
                    Output<TypeParam>{{one_by_one[token].data_ptr<TypeParam>(), n}, into});
      }
      EXPECT_TENSOR_EQ(out, one_by_one);
    }
  }
}

TYPED_TEST(GemmTest, SumsTheProductsOfEveryTokensRows) {
  for (const auto& [m, k, n] : kTokenSizes) {
    SCOPED_TRACE(testing::Message() << m << " x " << k << " x " << n);
    const int64_t tokens = 7;
    const at::Tensor y = this->draw({tokens, m, n});
    const at::Tensor x = this->draw({tokens, k, n});
    const at::Tensor before = at::randn({m, k + 2}, this->generator_);
    const at::Tensor sums = before.clone();
    add_token_products(TokenRows<TypeParam>{y.const_data_ptr<TypeParam>(), tokens, m, n},
                       TokenRows<TypeParam>{x.const_data_ptr<TypeParam>(), tokens, k, n},
                       Rows<float>{sums.data_ptr<float>(), k + 2});
    const at::Tensor found = at::bmm(y.to(at::kDouble), x.to(at::kDouble).transpose(1, 2)).sum(0);
    EXPECT_TENSOR_NEAR(sums.narrow(1, 0, k), (before.narrow(1, 0, k) + found).to(at::kFloat),
                       test::kKernel);
    EXPECT_TENSOR_EQ(sums.narrow(1, k, 2), before.narrow(1, k, 2));
  }
}

TYPED_TEST(GemmTest, AddsToWhatIsThereAndRoundsOnce) {
  const at::Tensor sums = at::randn({5, 48}, this->generator_);
  const at::Tensor out = this->draw({5, 37});
  const at::Tensor expected = (sums.narrow(1, 0, 37) + out.to(at::kFloat)).to(this->dtype());
  store<TypeParam>({sums.const_data_ptr<float>(), 48}, 5, 37, {out.data_ptr<TypeParam>(), 37},
                   Into::kAdd);
  EXPECT_TENSOR_EQ(out, expected);
}

}  // namespace
}  // namespace omnigen::nn::gemm
