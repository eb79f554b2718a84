// Weights to be written to files, made one after another when their turn comes.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace omnigen::model {

struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
};

struct WeightSource {
  std::vector<NamedShape> entries;
  // Called once for each entry, in their order. Any dtype and device.
  std::function<at::Tensor(const NamedShape& entry)> make;
};

}  // namespace omnigen::model
