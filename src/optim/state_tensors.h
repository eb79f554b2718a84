// What an optimizer or an average keeps, by name: gathered to be saved, and taken back.
#pragma once

#include <torch/types.h>

#include <initializer_list>
#include <map>
#include <string>
#include <utility>

namespace omnigen::optim {

// Adds `<parameter>.<name>` for every tensor that is defined.
void add_state(std::map<std::string, at::Tensor>& state, const std::string& parameter,
               std::initializer_list<std::pair<const char*, at::Tensor>> tensors);

// Copies every tensor of `saved` into its namesake. Errors: DataError for the first missing,
// unexpected or mis-shaped one; `what` names the state.
void copy_state(const std::map<std::string, at::Tensor>& saved,
                std::map<std::string, at::Tensor>& own, const std::string& what);

// A float64 number that is saved like the rest.
class SavedNumber {
 public:
  explicit SavedNumber(double value) : tensor_(at::full({}, value, at::kDouble)) {}

  [[nodiscard]] double get() const { return tensor_.item<double>(); }
  void set(double value) { tensor_.fill_(value); }
  [[nodiscard]] const at::Tensor& tensor() const { return tensor_; }

 private:
  at::Tensor tensor_;
};

}  // namespace omnigen::optim
