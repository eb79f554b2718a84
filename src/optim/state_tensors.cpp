#include "optim/state_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "util/error.h"

namespace omnigen::optim {

void add_state(std::map<std::string, at::Tensor>& state, const std::string& parameter,
               std::initializer_list<std::pair<const char*, at::Tensor>> tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (tensor.defined()) state[parameter + "." + name] = tensor;
  }
}

void copy_state(const std::map<std::string, at::Tensor>& saved,
                std::map<std::string, at::Tensor>& own, const std::string& what) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : saved) {
    const auto found = own.find(name);
    if (found == own.end()) {
      throw util::DataError(
          fmt::format("{} state: \"{}\" belongs to nothing that is trained now", what, name));
    }
    if (found->second.sizes() != value.sizes() || found->second.dtype() != value.dtype()) {
      throw util::DataError(fmt::format("{} state: \"{}\" is {} {}, expected {} {}", what, name,
                                        value.dtype().name(), fmt::join(value.sizes(), "x"),
                                        found->second.dtype().name(),
                                        fmt::join(found->second.sizes(), "x")));
    }
    found->second.copy_(value);
  }
  for (const auto& [name, value] : own) {
    if (!saved.contains(name))
      throw util::DataError(fmt::format("{} state: \"{}\" is missing", what, name));
  }
}

}  // namespace omnigen::optim
