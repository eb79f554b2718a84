#include "model/weight_map.h"

#include <c10/util/accumulate.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "io/safetensors_reader.h"
#include "model/original_layout.h"
#include "model/weight_placer.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;

using Shapes = std::map<std::string, std::vector<int64_t>>;

constexpr const char* kWeights = "diffusion_pytorch_model";
constexpr size_t kListed = 10;

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// "3 missing: a, b, c" with at most kListed names.
void append_list(std::string& message, const std::vector<std::string>& items, const char* what) {
  if (items.empty()) return;
  const size_t listed = std::min(items.size(), kListed);
  message += fmt::format("\n  {} {}: {}", items.size(), what,
                         fmt::join(items.begin(), items.begin() + listed, ", "));
  if (listed < items.size()) message += ", …";
}

Shapes shapes_of(const io::SafetensorsFolder& files) {
  Shapes shapes;
  for (const std::string& name : files.names()) shapes[name] = files.info(name).shape;
  return shapes;
}

fs::path transformer_folder(const fs::path& folder) {
  const fs::path inside = folder / "transformer";
  return fs::exists(inside / "config.json") ? inside : folder;
}

std::map<std::string, at::Tensor> read_transformer(const fs::path& folder,
                                                   const TransformerConfig& config) {
  const io::SafetensorsFolder files(folder, kWeights);
  require_exact(folder.string(), weight_shapes(config), shapes_of(files), {kPositionTable});
  std::map<std::string, at::Tensor> weights;
  for (const std::string& name : files.names()) weights[name] = files.tensor(name);
  return weights;
}

// Attention names of files older than diffusers 0.17; linear weights of still older ones are 1x1
// convolutions.
std::string current_vae_name(std::string name) {
  static const std::vector<std::pair<std::string, std::string>> kRenamed = {
      {".query.", ".to_q."},
      {".key.", ".to_k."},
      {".value.", ".to_v."},
      {".proj_attn.", ".to_out.0."}};
  if (name.find(".attentions.") == std::string::npos) return name;
  for (const auto& [old_part, new_part] : kRenamed) {
    const size_t at = name.find(old_part);
    if (at != std::string::npos) return name.replace(at, old_part.size(), new_part);
  }
  return name;
}

bool is_convolved_linear(const std::string& name, const std::vector<int64_t>& shape) {
  return name.find(".attentions.") != std::string::npos && shape.size() == 4 && shape[2] == 1 &&
         shape[3] == 1;
}

}  // namespace

void require_exact(const std::string& what, const Shapes& expected, const Shapes& found,
                   const std::vector<std::string>& optional) {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;
  std::vector<std::string> misshaped;
  for (const auto& [name, shape] : expected) {
    const auto held = found.find(name);
    if (held != found.end()) {
      if (held->second != shape) {
        misshaped.push_back(fmt::format("{} is {}, expected {}", name, shape_text(held->second),
                                        shape_text(shape)));
      }
    } else if (std::find(optional.begin(), optional.end(), name) == optional.end()) {
      missing.push_back(name);
    }
  }
  for (const auto& [name, shape] : found) {
    if (!expected.contains(name)) unexpected.push_back(name);
  }
  if (missing.empty() && unexpected.empty() && misshaped.empty()) return;
  std::string message = what + ": the weights do not fit config.json:";
  append_list(message, missing, "missing");
  append_list(message, unexpected, "unexpected");
  append_list(message, misshaped, "of another shape");
  throw util::DataError(message + "\n  Fetch the folder again, or correct config.json.");
}

TransformerConfig read_transformer_config(const fs::path& folder) {
  const fs::path path = transformer_folder(folder) / "config.json";
  if (!fs::exists(path)) {
    throw util::DataError(fmt::format(
        "{}: no transformer/config.json and no config.json; expected a model folder in the layout "
        "of OmniGen-v1-diffusers or OmniGen-v1",
        folder.string()));
  }
  return is_original_layout(path) ? original_config(path) : TransformerConfig::from_file(path);
}

std::map<std::string, at::Tensor> stored_weights(const fs::path& folder,
                                                 const TransformerConfig& config) {
  const fs::path inside = transformer_folder(folder);
  return is_original_layout(inside / "config.json") ? read_original(inside, config)
                                                    : read_transformer(inside, config);
}

std::unique_ptr<OmniGenTransformer> load_transformer(const fs::path& folder,
                                                     const Placement& placement) {
  const TransformerConfig config = read_transformer_config(folder);
  WeightPlacer placer(config, placement);
  for (const auto& [name, weight] : stored_weights(folder, config)) {
    if (name == kPositionTable) {
      placer.add_table(weight);
    } else {
      placer.add(name, weight);
    }
  }
  return std::make_unique<OmniGenTransformer>(config, placer.take());
}

int64_t weight_bytes(const TransformerConfig& config, const Placement& placement) {
  const WeightPlacer placer(config, placement);
  const auto element_bytes = static_cast<int64_t>(c10::elementSize(placement.dtype));
  int64_t total = 0;
  for (const auto& [name, shape] : trained_shapes(config)) {
    total += placer.is_compacted(name, shape)
                 ? nn::compact_bytes(*placement.format, shape[0], shape[1], element_bytes)
                 : c10::multiply_integers(shape) * element_bytes;
  }
  return total;
}

std::unique_ptr<Autoencoder> load_autoencoder(const fs::path& folder, const Placement& placement) {
  const AutoencoderConfig config = AutoencoderConfig::from_file(folder / "config.json");
  const io::SafetensorsFolder files(folder, kWeights);
  Shapes found;
  std::map<std::string, at::Tensor> weights;
  for (const std::string& file_name : files.names()) {
    const std::string name = current_vae_name(file_name);
    at::Tensor weight = files.tensor(file_name);
    if (is_convolved_linear(name, files.info(file_name).shape)) {
      weight = weight.view({weight.size(0), weight.size(1)});
    }
    found[name] = weight.sizes().vec();
    weights[name] = weight;
  }
  require_exact(folder.string(), weight_shapes(config), found);
  for (auto& [name, weight] : weights) weight = placed(weight, name, placement);
  return std::make_unique<Autoencoder>(config, std::move(weights));
}

}  // namespace omnigen::model
