// The autoencoder's configuration and the weights that it implies.
#include <fmt/format.h>

#include "model/autoencoder.h"
#include "model/json_config.h"

namespace omnigen::model {
namespace {

class ShapeList {
 public:
  void add_conv(const std::string& name, int64_t out, int64_t in, int64_t kernel) {
    shapes_[name + ".weight"] = {out, in, kernel, kernel};
    shapes_[name + ".bias"] = {out};
  }
  void add_norm(const std::string& name, int64_t channels) {
    shapes_[name + ".weight"] = {channels};
    shapes_[name + ".bias"] = {channels};
  }
  void add_linear(const std::string& name, int64_t channels) {
    shapes_[name + ".weight"] = {channels, channels};
    shapes_[name + ".bias"] = {channels};
  }
  void add_resnet(const std::string& name, int64_t out, int64_t in) {
    add_norm(name + ".norm1", in);
    add_conv(name + ".conv1", out, in, 3);
    add_norm(name + ".norm2", out);
    add_conv(name + ".conv2", out, out, 3);
    if (in != out) add_conv(name + ".conv_shortcut", out, in, 1);
  }
  void add_mid_block(const std::string& name, int64_t channels) {
    for (const char* part : {"resnets.0", "resnets.1"}) {
      add_resnet(fmt::format("{}.{}", name, part), channels, channels);
    }
    const std::string attention = name + ".attentions.0";
    add_norm(attention + ".group_norm", channels);
    for (const char* part : {"to_q", "to_k", "to_v", "to_out.0"}) {
      add_linear(fmt::format("{}.{}", attention, part), channels);
    }
  }
  // Levels with `channels[i]` each; all but the last end in a resampler.
  void add_levels(const std::string& name, const std::vector<int64_t>& channels, int64_t resnets,
                  const char* resampler) {
    int64_t in = channels.front();
    for (size_t i = 0; i < channels.size(); ++i) {
      const std::string level = fmt::format("{}.{}", name, i);
      for (int64_t r = 0; r < resnets; ++r) {
        add_resnet(fmt::format("{}.resnets.{}", level, r), channels[i], in);
        in = channels[i];
      }
      if (i + 1 < channels.size()) {
        add_conv(fmt::format("{}.{}.0.conv", level, resampler), in, in, 3);
      }
    }
  }
  std::map<std::string, std::vector<int64_t>> take() { return std::move(shapes_); }

 private:
  std::map<std::string, std::vector<int64_t>> shapes_;
};

void require_blocks(const JsonConfig& json, const std::string& key, const std::string& type,
                    size_t count) {
  if (!json.has(key)) return;
  const std::vector<std::string> types = json.texts(key);
  if (types.size() != count) {
    json.fail(
        key, fmt::format("has {} entries, expected {} as block_out_channels", types.size(), count));
  }
  for (const std::string& found : types) {
    if (found != type) json.fail(key, fmt::format("holds '{}', expected '{}'", found, type));
  }
}

void check_channels(const JsonConfig& json, const AutoencoderConfig& config) {
  if (config.block_out_channels.empty()) json.fail("block_out_channels", "is empty");
  for (const int64_t channels : config.block_out_channels) {
    if (channels <= 0 || channels % config.norm_num_groups != 0) {
      json.fail("block_out_channels", fmt::format("{} is not a multiple of norm_num_groups = {}",
                                                  channels, config.norm_num_groups));
    }
  }
}

}  // namespace

int64_t AutoencoderConfig::spatial_factor() const {
  return int64_t{1} << (block_out_channels.size() - 1);
}

AutoencoderConfig AutoencoderConfig::from_file(const std::filesystem::path& path) {
  const JsonConfig json(path);
  json.require("_class_name", "AutoencoderKL");
  json.require("act_fn", "silu");
  json.require("mid_block_add_attention", true);
  for (const char* key : {"latents_mean", "latents_std"}) {
    if (json.has(key)) json.fail(key, "is set, but this model scales by scaling_factor alone");
  }
  AutoencoderConfig config;
  const auto read = [&](const char* key, int64_t& value) {
    value = json.integer(key, value);
    if (value <= 0) json.fail(key, fmt::format("is {}, expected more than 0", value));
  };
  read("in_channels", config.in_channels);
  read("out_channels", config.out_channels);
  read("latent_channels", config.latent_channels);
  read("layers_per_block", config.layers_per_block);
  read("norm_num_groups", config.norm_num_groups);
  read("sample_size", config.sample_size);
  config.block_out_channels = json.integers("block_out_channels", config.block_out_channels);
  config.scaling_factor = json.number("scaling_factor", config.scaling_factor);
  config.shift_factor = json.number("shift_factor", config.shift_factor);
  config.use_quant_conv = json.boolean("use_quant_conv", config.use_quant_conv);
  config.use_post_quant_conv = json.boolean("use_post_quant_conv", config.use_post_quant_conv);
  check_channels(json, config);
  const size_t levels = config.block_out_channels.size();
  require_blocks(json, "down_block_types", "DownEncoderBlock2D", levels);
  require_blocks(json, "up_block_types", "UpDecoderBlock2D", levels);
  if (!(config.scaling_factor > 0)) json.fail("scaling_factor", "expected more than 0");
  return config;
}

std::map<std::string, std::vector<int64_t>> weight_shapes(const AutoencoderConfig& config) {
  ShapeList shapes;
  const std::vector<int64_t>& down = config.block_out_channels;
  const std::vector<int64_t> up(down.rbegin(), down.rend());
  const int64_t latent = config.latent_channels;
  shapes.add_conv("encoder.conv_in", down.front(), config.in_channels, 3);
  shapes.add_levels("encoder.down_blocks", down, config.layers_per_block, "downsamplers");
  shapes.add_mid_block("encoder.mid_block", down.back());
  shapes.add_norm("encoder.conv_norm_out", down.back());
  shapes.add_conv("encoder.conv_out", 2 * latent, down.back(), 3);
  shapes.add_conv("decoder.conv_in", up.front(), latent, 3);
  shapes.add_mid_block("decoder.mid_block", up.front());
  shapes.add_levels("decoder.up_blocks", up, config.layers_per_block + 1, "upsamplers");
  shapes.add_norm("decoder.conv_norm_out", up.back());
  shapes.add_conv("decoder.conv_out", config.out_channels, up.back(), 3);
  if (config.use_quant_conv) shapes.add_conv("quant_conv", 2 * latent, 2 * latent, 1);
  if (config.use_post_quant_conv) shapes.add_conv("post_quant_conv", latent, latent, 1);
  return shapes.take();
}

}  // namespace omnigen::model
