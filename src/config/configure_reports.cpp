// Hub, trackers, validation images and their prompts.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "config/configure_wizard.h"
#include "config/text.h"
#include "config/value.h"

namespace omnigen::config {
namespace fs = std::filesystem;
namespace {

constexpr const char* kToken = "<token>";

std::optional<std::string> variable(const Wizard& wizard, const char* name) {
  const char* value = wizard.around.environment(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

// A variable, or the file that the Hub's client writes. The token itself is never read.
bool has_hub_token(const Wizard& wizard) {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (variable(wizard, name)) return true;
  }
  const auto home = variable(wizard, "HF_HOME");
  const fs::path folder =
      home ? fs::path(*home)
           : fs::path(variable(wizard, "HOME").value_or("/")) / ".cache/huggingface";
  std::error_code ignored;
  return fs::is_regular_file(folder / "token", ignored);
}

bool has_wandb_login(const Wizard& wizard) {
  if (variable(wizard, "WANDB_API_KEY")) return true;
  std::ifstream file(fs::path(variable(wizard, "HOME").value_or("/")) / ".netrc");
  for (std::string line; std::getline(file, line);) {
    if (line.find("api.wandb.ai") != std::string::npos) return true;
  }
  return false;
}

void ask_hub(Wizard& wizard) {
  Interview& talk = wizard.talk;
  talk.say(has_hub_token(wizard) ? "  Hub: a token is there"
                                 : "  Hub: no token; \"hf auth login\" gets one");
  const bool push =
      talk.confirm("push_to_hub", "Upload the result to the Hub",
                   wizard.fallback_flag("push_to_hub", false), [&](bool yes) {
                     return !yes || has_hub_token(wizard)
                                ? Complaint::none()
                                : Complaint::no(
                                      "there is no token of the Hub. Run \"hf auth login\" or set "
                                      "HF_TOKEN, then answer again, or answer no");
                   });
  wizard.files.config["push_to_hub"] = push;
  if (!push) return;
  wizard.ask("hub_model_id", "Name of the repository",
             fmt::format("simpletuner-{}", wizard.full ? "full" : "lora"));
  wizard.confirm("push_checkpoints_to_hub", "Upload every checkpoint too", true);
  wizard.confirm("model_card_safe_for_work", "Mark the model as safe for work", false);
  wizard.files.config["model_card_private"] = true;
}

bool earlier_tracker(const Wizard& wizard, const std::string& name, bool usual) {
  const std::string list = wizard.fallback("report_to", "");
  return list.empty() ? usual : list.find(name) != std::string::npos;
}

Complaint judge_sizes(const std::string& answer) {
  constexpr int64_t kMaxSide = 3072;
  const std::vector<std::string> items = split_words(answer, ",");
  for (const std::string& item : items) {
    const std::string plain = replace_all(lower(item), "\xC3\x97", "x");
    const size_t cross = plain.find('x');
    int64_t width = 0;
    int64_t height = 0;
    const bool read = cross != std::string::npos &&
                      assign(Json(trim(plain.substr(0, cross))), &width).empty() &&
                      assign(Json(trim(plain.substr(cross + 1))), &height).empty();
    if (!read || width < 1 || height < 1) {
      return Complaint::no(
          fmt::format("cannot read \"{}\"; write WIDTHxHEIGHT, e.g. 1024x1024", item));
    }
    if (std::max(width, height) > kMaxSide) {
      return Complaint::no(
          fmt::format("{} is beyond the model's largest side of {}", item, kMaxSide));
    }
  }
  if (items.empty()) return Complaint::no("write WIDTHxHEIGHT, e.g. 1024x1024");
  if (items.size() == 1) return Complaint::none();
  return Complaint::doubt(
      fmt::format("{0} sizes: every validation renders every prompt {0} times and takes {0} times "
                  "as long",
                  items.size()));
}

Complaint judge_text(const std::string& text) {
  return text.find(kToken) == std::string::npos
             ? Complaint::none()
             : Complaint::no("<token> is a placeholder. Write what is to be seen");
}

// Names and their texts; <token> becomes the subject.
constexpr std::array<std::pair<const char*, const char*>, 15> kTemplates = {{
    {"anime_<token>", "an anime drawing of <token> in bright colours, with a lively expression"},
    {"chef_<token>", "a sharp photograph of <token> cooking in a busy restaurant kitchen"},
    {"just_<token>", "a plain close portrait of <token> in natural light"},
    {"cinematic_<token>",
     "a still from a film with <token>, dramatic light, shallow depth of field"},
    {"elegant_<token>", "a formal portrait of <token>, calm and graceful, in front of a dark wall"},
    {"adventurous_<token>",
     "a photo of <token> climbing a rocky slope, in the middle of the action"},
    {"mysterious_<token>", "a portrait of <token> half in shadow, with mist around"},
    {"vintage_<token>", "an old faded photograph of <token> from the nineteen-thirties"},
    {"artistic_<token>", "an abstract painting of <token> in broad strokes of oil paint"},
    {"futuristic_<token>", "<token> in a city of the far future, among glass and neon light"},
    {"woman", "a portrait of a woman in soft light, with fine detail of the face"},
    {"man", "a portrait of a man with a firm look, in black and white"},
    {"boy", "a photo of a laughing boy running through a garden"},
    {"girl", "a photo of a cheerful girl on a swing, in bright colours"},
    {"family", "a warm photo of a family together on a sofa"},
}};

Json prompt_library(const std::string& subject) {
  Json library = Json::object();
  const std::string name = replace_all(subject, " ", "_");
  for (const auto& [short_name, text] : kTemplates) {
    library[replace_all(short_name, kToken, name)] = replace_all(text, kToken, subject);
  }
  return library;
}

}  // namespace

void ask_reports(Wizard& wizard) {
  Interview& talk = wizard.talk;
  ask_hub(wizard);
  const bool tensorboard = talk.confirm("tensorboard", "Write logs for TensorBoard",
                                        earlier_tracker(wizard, "tensorboard", true));
  const bool wandb = talk.confirm(
      "wandb", "Report to Weights & Biases", earlier_tracker(wizard, "wandb", false),
      [&](bool yes) {
        return !yes || has_wandb_login(wizard)
                   ? Complaint::none()
                   : Complaint::no(
                         "there is no login. Run \"wandb login\" or set WANDB_API_KEY, "
                         "then answer again, or answer no");
      });
  std::string list = tensorboard ? "tensorboard" : "";
  if (wandb) list += list.empty() ? "wandb" : ",wandb";
  wizard.files.config["report_to"] = list.empty() ? "none" : list;
  const char* const type = wizard.full ? "full" : "lora";
  wizard.ask("tracker_project_name", "Project of the trackers", fmt::format("{}-training", type));
  wizard.ask("tracker_run_name", "Name of the run", fmt::format("simpletuner-{}", type));
}

void ask_validation(Wizard& wizard) {
  wizard.ask_whole("validation_seed", "Validation: seed", 42, [](int64_t number) {
    return number >= 0 ? Complaint::none() : Complaint::no("must be at least 0");
  });
  const int64_t steps = wizard.total_steps;
  wizard.ask_whole("validation_step_interval", "Validation: steps between",
                   wizard.value("checkpoint_step_interval").get<int64_t>(),
                   [steps](int64_t interval) {
                     if (interval < 1) return at_least_one(interval);
                     if (steps == 0 || interval <= steps) return Complaint::none();
                     return Complaint::doubt(
                         fmt::format("the run ends after {} steps: images only at the end", steps));
                   });
  wizard.ask("validation_resolution", "Validation: sizes as WIDTHxHEIGHT, with commas", "1024x1024",
             judge_sizes);
  wizard.ask_number("validation_guidance", "Validation: guidance", 2.5, [](double scale) {
    constexpr double kTooHigh = 7.5;  // SimpleTuner's default
    if (scale < 0) return Complaint::no("must be at least 0");
    if (scale < kTooHigh) return Complaint::none();
    return Complaint::doubt(fmt::format("{} burns OmniGen's images; 2.5 to 3.0 suits it", scale));
  });
  wizard.ask_number(
      "validation_guidance_rescale", "Validation: guidance rescale", 0.0, [](double share) {
        return share >= 0 && share <= 1 ? Complaint::none() : Complaint::no("must be from 0 to 1");
      });
  wizard.ask_whole("validation_num_inference_steps", "Validation: steps of the sampler", 30,
                   at_least_one);
  wizard.ask("validation_prompt", "Validation: main prompt", "A photo-realistic image of a cat",
             judge_text);
}

void ask_prompts(Wizard& wizard) {
  const std::string subject = wizard.talk.ask(
      {"subject", "Subject for a library of 15 prompts, e.g. a corgi puppy; none: no library",
       "none", [](const std::string& answer) {
         return answer.find_first_of("<>") == std::string::npos
                    ? Complaint::none()
                    : Complaint::no("write the subject itself instead of a placeholder");
       }});
  if (subject == "none") {
    const std::string earlier = wizard.fallback("user_prompt_library", "");
    if (!earlier.empty()) wizard.files.config["user_prompt_library"] = earlier;
    return;
  }
  wizard.files.prompts = prompt_library(subject);
  wizard.files.config["user_prompt_library"] =
      (wizard.around.folder / "user_prompt_library.json").string();
}

}  // namespace omnigen::config
