#include "comm/process_group.h"

#include <utility>

namespace omnigen::comm {
namespace {

class SumInWait : public StartedSum {
 public:
  SumInWait(ProcessGroup& group, at::Tensor tensor) : group_(group), tensor_(std::move(tensor)) {}

  bool advance() override { return done_; }
  void wait() override {
    if (!done_) group_.all_reduce_sum(tensor_);
    done_ = true;
  }

 private:
  ProcessGroup& group_;
  at::Tensor tensor_;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<StartedSum> ProcessGroup::start_all_reduce_sum(const at::Tensor& tensor) {
  return std::make_unique<SumInWait>(*this, tensor);
}

}  // namespace omnigen::comm
