#include <fmt/format.h>

#include "config/configure_wizard.h"

namespace omnigen::config {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPublished = "Shitao/OmniGen-v1-diffusers";

bool is_hub_id(const std::string& name) {
  const size_t slash = name.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < name.size() &&
         name.find('/', slash + 1) == std::string::npos && name.front() != '.' &&
         name.front() != '~';
}

bool is_published(const std::string& name) {
  return name == kPublished || name == "Shitao/OmniGen-v1";
}

Complaint judge_weights(const std::string& name) {
  std::error_code ignored;
  if (fs::is_directory(name, ignored)) {
    for (const char* part : {"transformer", "model.safetensors", "config.json"}) {
      if (fs::exists(fs::path(name) / part, ignored)) return Complaint::none();
    }
    return Complaint::no(fmt::format(
        "{} holds no model: neither transformer/ nor model.safetensors is there", name));
  }
  if (is_published(name)) return Complaint::none();
  if (is_hub_id(name)) {
    return Complaint::doubt(fmt::format(
        "there is no folder {}. As an id of the Hub it is not the published {}", name, kPublished));
  }
  return Complaint::no(fmt::format("there is no folder {}", name));
}

Json class_factors(int64_t attention, const std::optional<int64_t>& feed_forward) {
  Json targets = Json::array({"Attention"});
  Json factors = {{"Attention", {{"factor", attention}}}};
  if (feed_forward) {
    targets.push_back("FeedForward");
    factors["FeedForward"] = {{"factor", *feed_forward}};
  }
  return {{"target_module", targets}, {"module_algo_map", factors}};
}

void ask_lokr(Wizard& wizard) {
  Interview& talk = wizard.talk;
  Json& lycoris = wizard.files.lycoris;
  constexpr int64_t kFullDim = 10000;  // from here on the larger factor is a full matrix
  const auto factor = [](int64_t number) {
    return number == -1 || number >= 1
               ? Complaint::none()
               : Complaint::no("must be at least 1, or -1 for the library's");
  };
  lycoris = {{"algo", "lokr"}};
  lycoris["multiplier"] = talk.ask_number({"multiplier", "LoKr: multiplier", "1.0"});
  const int64_t dim = talk.ask_whole(
      {"linear_dim", "LoKr: linear_dim; 10000 keeps the larger factor whole", "10000"},
      at_least_one);
  lycoris["linear_dim"] = dim;
  lycoris["linear_alpha"] =
      dim >= kFullDim ? 1.0 : talk.ask_number({"linear_alpha", "LoKr: linear_alpha", "1"});
  lycoris["factor"] = talk.ask_whole({"factor", "LoKr: factor", "16"}, factor);
  const bool with_mlp = talk.confirm(
      "adapt_feed_forward",
      "LoKr: adapt the MLP (FeedForward) as well; without it training can be steadier", true);
  const int64_t attention =
      talk.ask_whole({"attention_factor", "LoKr: factor of Attention", "16"}, factor);
  std::optional<int64_t> mlp;
  if (with_mlp) {
    mlp = talk.ask_whole({"feed_forward_factor", "LoKr: factor of FeedForward", "8"}, factor);
  }
  lycoris["apply_preset"] = class_factors(attention, mlp);
  wizard.files.config["lycoris_config"] = (wizard.around.folder / "lycoris_config.json").string();
}

}  // namespace

void ask_output(Wizard& wizard) {
  Interview& talk = wizard.talk;
  const std::string usual =
      wizard.fallback("output_dir", (fs::current_path() / "output/models").string());
  const auto judge = [](const std::string& name) {
    std::error_code ignored;
    return fs::exists(name, ignored) && !fs::is_directory(name, ignored)
               ? Complaint::no(name + " is no folder")
               : Complaint::none();
  };
  std::string folder;
  while (true) {
    folder = fs::absolute(talk.ask({"output_dir", "Folder of all that a run writes", usual, judge}))
                 .lexically_normal()
                 .string();
    if (fs::is_directory(folder)) break;
    if (talk.confirm("create_output_dir", folder + " is not there. Create it", true)) break;
    talk.rule_out("create_output_dir", folder + " is not there and is not to be created");
  }
  wizard.files.config["output_dir"] = folder;
}

void ask_adapter(Wizard& wizard) {
  Interview& talk = wizard.talk;
  const std::string type = talk.choose(
      {"model_type", "Train an adapter or every weight", wizard.fallback("model_type", "lora")},
      {"lora", "full"});
  wizard.files.config["model_type"] = type;
  wizard.full = type == "full";
  if (wizard.full) {
    wizard.num_trained = wizard.around.num_model_parameters;
  } else {
    talk.fixed("lora_type", "lycoris",
               "this dialogue makes LyCORIS LoKr adapters. For a standard LoRA set lora_type and "
               "the lora_ keys in config.json by hand (docs/config.md)");
    wizard.files.config["lora_type"] = "lycoris";
    ask_lokr(wizard);
    wizard.num_trained = wizard.around.num_adapter_parameters(wizard.files.lycoris);
  }
  talk.say(fmt::format("  trained parameters: {}", wizard.num_trained));
  wizard.confirm("use_ema", "Keep an exponential average (EMA) of the trained weights",
                 !wizard.full);
}

void ask_weights(Wizard& wizard) {
  Interview& talk = wizard.talk;
  const char* const key = "pretrained_model_name_or_path";
  const std::string earlier = wizard.fallback(key, "");
  const auto judge = [&](const std::string& name) {  // what was named before may come yet
    return name == earlier ? Complaint::none() : judge_weights(name);
  };
  const std::string answer = talk.ask({key, "Folder of the OmniGen weights, or their id on the Hub",
                                       earlier.empty() ? kPublished : earlier, judge});
  fs::path folder = answer;
  if (!fs::is_directory(folder)) {
    const bool is_id = answer != earlier || is_published(answer);
    if (is_id) folder = fs::path("models") / fs::path(answer).filename();
    talk.say(fmt::format("  fetch them with: hf download {} --local-dir {}",
                         is_id ? answer : kPublished, fs::absolute(folder).string()));
  }
  wizard.files.config[key] = fs::absolute(folder).lexically_normal().string();
}

}  // namespace omnigen::config
