#include "train/tensorboard_tracker.h"

namespace omnigen::train {

TensorBoardTracker::TensorBoardTracker(const std::filesystem::path& folder,
                                       const std::map<std::string, io::HyperParameter>& settings)
    : events_(folder) {
  if (!settings.empty()) events_.hyper_parameters(settings);
}

void TensorBoardTracker::scalars(int64_t step, const std::map<std::string, double>& values) {
  events_.scalars(step, values);
}

void TensorBoardTracker::image(const TrackedImage& image) {
  events_.image(image.tag, image.step, image.png, static_cast<int>(image.width),
                static_cast<int>(image.height));
}

}  // namespace omnigen::train
