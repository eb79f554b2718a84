#include "model/tiling.h"

#include <algorithm>
#include <vector>

namespace omnigen::model {
namespace {

// b[y] <- a[len - e + y] · (1 - y/e) + b[y] · (y/e) along `dim`, in place, over the first e entries
// of b.
void blend(const at::Tensor& a, at::Tensor& b, int64_t dim, int64_t extent) {
  extent = std::min({extent, a.size(dim), b.size(dim)});
  if (extent == 0) return;
  std::vector<int64_t> shape(static_cast<size_t>(b.dim()), 1);
  shape[static_cast<size_t>(dim)] = extent;
  const at::Tensor position = at::arange(extent, at::kDouble) / static_cast<double>(extent);
  const at::Tensor of_b = position.to(b.device(), at::kFloat).view(shape);
  const at::Tensor of_a = (1 - position).to(b.device(), at::kFloat).view(shape);
  at::Tensor target = b.narrow(dim, 0, extent);
  target.copy_(a.narrow(dim, a.size(dim) - extent, extent) * of_a + target * of_b);
}

}  // namespace

at::Tensor tiled(const at::Tensor& x_BCHW, const Tiling& tiling,
                 const std::function<at::Tensor(const at::Tensor&)>& compute) {
  std::vector<at::Tensor> result_rows;
  std::vector<at::Tensor> above;
  for (int64_t top = 0; top < x_BCHW.size(2); top += tiling.stride) {
    std::vector<at::Tensor> row;
    std::vector<at::Tensor> kept;
    for (int64_t left = 0; left < x_BCHW.size(3); left += tiling.stride) {
      const at::Tensor tile =
          x_BCHW.slice(2, top, top + tiling.tile).slice(3, left, left + tiling.tile);
      row.push_back(compute(tile));
      at::Tensor& current = row.back();
      // The neighbours are the blended tiles, uncropped.
      if (!above.empty()) blend(above[row.size() - 1], current, 2, tiling.blend);
      if (row.size() > 1) blend(row[row.size() - 2], current, 3, tiling.blend);
      kept.push_back(current.slice(2, 0, tiling.kept).slice(3, 0, tiling.kept));
    }
    result_rows.push_back(at::cat(kept, 3));
    above = std::move(row);
  }
  return at::cat(result_rows, 2);
}

}  // namespace omnigen::model
