#include "model/transformer_config.h"

#include <fmt/format.h>

#include "model/json_config.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

const std::vector<double> kShortFactor = {1.05,
                                          1.05,
                                          1.05,
                                          1.1,
                                          1.1,
                                          1.1,
                                          1.2500000000000002,
                                          1.2500000000000002,
                                          1.4000000000000004,
                                          1.4500000000000004,
                                          1.5500000000000005,
                                          1.8500000000000008,
                                          1.9000000000000008,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.000000000000001,
                                          2.1000000000000005,
                                          2.1000000000000005,
                                          2.2,
                                          2.3499999999999996,
                                          2.3499999999999996,
                                          2.3499999999999996,
                                          2.3499999999999996,
                                          2.3999999999999995,
                                          2.3999999999999995,
                                          2.6499999999999986,
                                          2.6999999999999984,
                                          2.8999999999999977,
                                          2.9499999999999975,
                                          3.049999999999997,
                                          3.049999999999997,
                                          3.049999999999997};

const std::vector<double> kLongFactor = {
    1.0299999713897705, 1.0499999523162842, 1.0499999523162842, 1.0799999237060547,
    1.2299998998641968, 1.2299998998641968, 1.2999999523162842, 1.4499999284744263,
    1.5999999046325684, 1.6499998569488525, 1.8999998569488525, 2.859999895095825,
    3.68999981880188,   5.419999599456787,  5.489999771118164,  5.489999771118164,
    9.09000015258789,   11.579999923706055, 15.65999984741211,  15.769999504089355,
    15.789999961853027, 18.360000610351562, 21.989999771118164, 23.079999923706055,
    30.009998321533203, 32.35000228881836,  32.590003967285156, 35.56000518798828,
    39.95000457763672,  53.840003967285156, 56.20000457763672,  57.95000457763672,
    59.29000473022461,  59.77000427246094,  59.920005798339844, 61.190006256103516,
    61.96000671386719,  62.50000762939453,  63.3700065612793,   63.48000717163086,
    63.48000717163086,  63.66000747680664,  63.850006103515625, 64.08000946044922,
    64.760009765625,    64.80001068115234,  64.81001281738281,  64.81001281738281};

void read_rope_scaling(const JsonConfig& json, TransformerConfig& config) {
  const JsonConfig scaling = json.object("rope_scaling");
  const std::string type = scaling.text(scaling.has("type") ? "type" : "rope_type", "su");
  if (type != "su" && type != "longrope") {
    scaling.fail("type", fmt::format("is '{}', expected 'su' or 'longrope'", type));
  }
  config.rope_short_factor = scaling.numbers("short_factor", {});
  config.rope_long_factor = scaling.numbers("long_factor", {});
}

void require_positive(const char* key, double value) {
  if (!(value > 0)) {
    throw util::DataError(fmt::format("key '{}': is {}, expected more than 0", key, value));
  }
}

void require_multiple(const char* key, int64_t value, int64_t divisor, const char* why) {
  if (divisor <= 0 || value % divisor != 0) {
    throw util::DataError(
        fmt::format("key '{}': {} is not a multiple of {} ({})", key, value, divisor, why));
  }
}

}  // namespace

TransformerConfig TransformerConfig::omnigen_v1() {
  TransformerConfig config;
  config.rope_short_factor = kShortFactor;
  config.rope_long_factor = kLongFactor;
  return config;
}

TransformerConfig TransformerConfig::from_file(const std::filesystem::path& path) {
  const JsonConfig json(path);
  json.require("_class_name", "OmniGenTransformer2DModel");
  json.require("flip_sin_to_cos", true);
  json.require("downscale_freq_shift", 0);
  json.require("timestep_activation_fn", "silu");
  TransformerConfig config;
  const auto read = [&](const char* key, int64_t& value) { value = json.integer(key, value); };
  read("in_channels", config.in_channels);
  read("patch_size", config.patch_size);
  read("hidden_size", config.hidden_size);
  read("num_attention_heads", config.num_attention_heads);
  config.num_key_value_heads = config.num_attention_heads;
  read("num_key_value_heads", config.num_key_value_heads);
  read("intermediate_size", config.intermediate_size);
  read("num_layers", config.num_layers);
  read("pad_token_id", config.pad_token_id);
  read("vocab_size", config.vocab_size);
  read("max_position_embeddings", config.max_position_embeddings);
  read("original_max_position_embeddings", config.original_max_position_embeddings);
  read("pos_embed_max_size", config.pos_embed_max_size);
  read("time_step_dim", config.time_step_dim);
  config.rms_norm_eps = json.number("rms_norm_eps", config.rms_norm_eps);
  config.rope_base = json.number("rope_base", config.rope_base);
  read_rope_scaling(json, config);
  try {
    config.validate();
  } catch (const util::DataError& error) {
    throw util::DataError(fmt::format("{}: {}", path.string(), error.what()));
  }
  return config;
}

void TransformerConfig::validate() const {
  for (const auto& [key, value] : std::initializer_list<std::pair<const char*, double>>{
           {"in_channels", in_channels},
           {"patch_size", patch_size},
           {"hidden_size", hidden_size},
           {"num_attention_heads", num_attention_heads},
           {"intermediate_size", intermediate_size},
           {"num_layers", num_layers},
           {"vocab_size", vocab_size},
           {"max_position_embeddings", max_position_embeddings},
           {"original_max_position_embeddings", original_max_position_embeddings - 1},
           {"pos_embed_max_size", pos_embed_max_size},
           {"time_step_dim", time_step_dim},
           {"rms_norm_eps", rms_norm_eps},
           {"rope_base", rope_base}}) {
    require_positive(key, value);
  }
  require_multiple("hidden_size", hidden_size, num_attention_heads, "the number of heads");
  require_multiple("hidden_size", hidden_size, 2 * num_attention_heads, "a head dim is even");
  require_multiple("hidden_size", hidden_size, 4, "four parts of the position table");
  require_multiple("time_step_dim", time_step_dim, 2, "cosines and sines");
  if (num_key_value_heads != num_attention_heads) {
    throw util::DataError(
        fmt::format("key 'num_key_value_heads': is {}, expected num_attention_heads = {} (grouped "
                    "heads are not "
                    "part of this model)",
                    num_key_value_heads, num_attention_heads));
  }
  if (pad_token_id < 0 || pad_token_id >= vocab_size) {
    throw util::DataError(
        fmt::format("key 'pad_token_id': is {}, expected 0 to {} (vocab_size - 1)", pad_token_id,
                    vocab_size - 1));
  }
  for (const auto& [key, list] :
       {std::pair{"short_factor", &rope_short_factor}, {"long_factor", &rope_long_factor}}) {
    if (std::ssize(*list) != head_dim() / 2) {
      throw util::DataError(fmt::format(
          "key 'rope_scaling.{}': has {} entries, expected {} (half a head's {} channels)", key,
          list->size(), head_dim() / 2, head_dim()));
    }
    for (const double factor : *list) require_positive(key, factor);
  }
}

}  // namespace omnigen::model
