#include "optim/coded_moment.h"

namespace omnigen::optim {

CodedMoment::CodedMoment(const at::Tensor& like, std::shared_ptr<const BlockCodebook> codebook,
                         int64_t min_coded_elements)
    : codebook_(std::move(codebook)), coded_(like.numel() >= min_coded_elements) {
  if (coded_) {
    codes_ = codebook_->zeros(like.sizes());
  } else {
    value_ = at::zeros(like.sizes(), like.options().dtype(at::kFloat));
  }
}

at::Tensor CodedMoment::load() const {
  return coded_ ? codebook_->decode(codes_) : value_;
}

void CodedMoment::store(const at::Tensor& value) {
  if (coded_) {
    codebook_->encode(value, codes_);
  } else {
    value_.copy_(value);
  }
}

}  // namespace omnigen::optim
