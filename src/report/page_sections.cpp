#include "report/page_sections.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "report/html.h"
#include "util/progress.h"

namespace omnigen::report {
namespace {

using Json = nlohmann::json;

constexpr int64_t kExampleEdge = 200;

const char* name_of(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "good";
    case Tone::kNote:
      return "note";
    case Tone::kWarning:
      return "warning";
    default:
      return "bad";
  }
}

const char* mark_of(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "Good";
    case Tone::kNote:
      return "Note";
    case Tone::kWarning:
      return "Warning";
    default:
      return "Problem";
  }
}

// 42504192 -> "42 504 192", with thin spaces that do not break.
std::string grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += "\u202f";
    text += digits[i];
  }
  return text;
}

class Facts {
 public:
  void add(const std::string& name, const std::string& value) {
    if (value.empty()) return;
    text_ += fmt::format("<dt>{}</dt><dd>{}</dd>", escape_html(name), escape_html(value));
  }
  [[nodiscard]] std::string card(const std::string& title) const {
    return text_.empty()
               ? ""
               : fmt::format("<div class=\"card\"><h3>{}</h3><dl class=\"facts\">{}</dl></div>\n",
                             escape_html(title), text_);
  }

 private:
  std::string text_;
};

std::string text_in(const nlohmann::ordered_json& config, const std::string& key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string count_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? grouped(found->get<int64_t>()) : "";
}

std::string model_card(const RunRecords& records) {
  const Json model = records.run.value("model", Json::object());
  Facts facts;
  facts.add("Base model", text_in(records.config, "pretrained_model_name_or_path"));
  facts.add("Parameters", count_in(model, "parameters"));
  if (model.contains("layers")) {
    facts.add("Shape", fmt::format("{} layers, width {}", count_in(model, "layers"),
                                   count_in(model, "hidden_size")));
  }
  facts.add("Computed in", model.value("precision", text_in(records.config, "mixed_precision")));
  return facts.card("Model");
}

std::string kind_of(const nlohmann::ordered_json& config) {
  if (text_in(config, "model_type") == "full") return "the whole model";
  if (text_in(config, "lora_type") == "standard") {
    return "LoRA of rank " + text_in(config, "lora_rank");
  }
  const auto lycoris = config.find("lycoris_config");
  const bool is_object = lycoris != config.end() && lycoris->is_object();
  const std::string algorithm = is_object ? text_in(*lycoris, "algo") : "";
  if (algorithm == "lokr") return "LoKr, factor " + text_in(*lycoris, "factor");
  return algorithm.empty() ? "an adapter" : algorithm;
}

std::string trained_card(const RunRecords& records) {
  const Json trained = records.run.value("trained", Json::object());
  Facts facts;
  facts.add("Kind", kind_of(records.config));
  facts.add("Trained parameters", count_in(trained, "parameters"));
  facts.add("Layers with an adapter", count_in(trained, "modules"));
  const auto lines = trained.value("lines", std::vector<std::string>());
  if (!lines.empty()) facts.add("Which", lines.back());  // the total
  facts.add("EMA", text_in(records.config, "use_ema") == "true"
                       ? "decay " + text_in(records.config, "ema_decay")
                       : "none");
  return facts.card("Trained");
}

std::string recipe_card(const RunRecords& records) {
  Facts facts;
  const auto& config = records.config;
  facts.add("Optimizer", text_in(config, "optimizer"));
  facts.add("Learning rate",
            fmt::format("{}, {}, {} warm-up steps", text_in(config, "learning_rate"),
                        text_in(config, "lr_scheduler"), text_in(config, "lr_warmup_steps")));
  facts.add("Gradient clipping", fmt::format("{} {}", text_in(config, "grad_clip_method"),
                                             text_in(config, "max_grad_norm")));
  if (records.machine.contains("micro_batch")) {
    facts.add("Effective batch", fmt::format("{} = {} per rank × {} rank{} × {} accumulation",
                                             count_in(records.run, "effective_batch"),
                                             count_in(records.machine, "micro_batch"),
                                             count_in(records.machine, "ranks"),
                                             records.machine.value("ranks", 1) == 1 ? "" : "s",
                                             count_in(records.machine, "accumulation")));
  }
  facts.add("Seed", text_in(config, "seed"));
  return facts.card("Recipe");
}

std::string course_card(const RunRecords& records) {
  Facts facts;
  const auto step = records.state.value("step", int64_t{0});
  const auto total = records.state.value("total_steps", int64_t{0});
  const auto state = records.state.value("state", "unknown");
  facts.add("State", state);
  facts.add("Steps", fmt::format("{} of {}", grouped(step), grouped(total)));
  if (records.run.contains("samples_per_epoch")) {
    const double seen = static_cast<double>(step) * records.run.value("effective_batch", 0.0) /
                        std::max(1.0, records.run.value("samples_per_epoch", 1.0));
    facts.add("Epochs", fmt::format("{:.1f} of {} samples", seen,
                                    count_in(records.run, "samples_per_epoch")));
  }
  const Series& times = records.metrics.at("perf/step_seconds");
  if (!times.empty()) {
    const double in_steps = std::accumulate(times.values.begin(), times.values.end(), 0.0);
    const Series& wall = records.metrics.at("wall_time");
    facts.add("Time in steps", util::duration_text(in_steps));
    facts.add("First to last step", util::duration_text(wall.values.back() - wall.values.front()) +
                                        " (with evaluations, images, checkpoints and pauses)");
    facts.add("Mean step",
              fmt::format("{:.3g} s", in_steps / static_cast<double>(times.values.size())));
  }
  facts.add("Last checkpoint", records.state.value("last_checkpoint", ""));
  facts.add("Best checkpoint", records.best.value("checkpoint", ""));
  return facts.card("Course");
}

std::string hosts_text(const Json& machine) {
  std::map<std::string, int> ranks;
  for (const auto& host : machine.value("hosts", std::vector<std::string>())) ++ranks[host];
  std::vector<std::string> texts;
  for (const auto& [host, count] : ranks) texts.push_back(fmt::format("{} ({})", host, count));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string machine_card(const RunRecords& records) {
  Facts facts;
  const Json& machine = records.machine;
  facts.add("Ranks", fmt::format("{}, {}", records.state.value("world_size", int64_t{1}),
                                 records.state.value("backend", "?")));
  facts.add("Device", machine.value("device", ""));
  const std::string hosts = hosts_text(machine);
  facts.add("Hosts (ranks)", hosts.empty() ? records.state.value("host", "") : hosts);
  facts.add("omnigen-dist", records.state.value("version", ""));
  facts.add("Built with", machine.value("libraries", ""));
  return facts.card("Machine");
}

// A bar and a count for every size.
std::string bucket_table(const Json& sizes) {
  int64_t largest = 1;
  for (const Json& size : sizes) largest = std::max(largest, size.at(2).get<int64_t>());
  std::string rows;
  for (const Json& size : sizes) {
    const auto count = size.at(2).get<int64_t>();
    rows += fmt::format(
        "<tr><td>{}×{}</td><td class=\"number\">{}</td><td style=\"width:40%\"><div class=\"bar\" "
        "style=\"width:{:.0f}%\"></div></td></tr>",
        size.at(0).get<int64_t>(), size.at(1).get<int64_t>(), grouped(count),
        100.0 * static_cast<double>(count) / static_cast<double>(largest));
  }
  return "<div class=\"table\"><table style=\"width:100%;max-width:30rem\"><tr><th>Size</th>"
         "<th>Images</th><th></th></tr>" +
         rows + "</table></div>";
}

std::optional<Cut> cut_of(const Json& example) {
  const auto resized = example.value("resized", std::vector<int64_t>());
  const auto crop = example.value("crop", std::vector<int64_t>());
  if (resized.size() != 2 || crop.size() != 4 || resized[0] <= 0 || resized[1] <= 0) {
    return std::nullopt;
  }
  return Cut{resized[0], resized[1], crop[0], crop[1], crop[2], crop[3]};
}

std::string example_figure(const Json& set, const Json& example, ImageStore* images) {
  const auto file = std::filesystem::path(set.value("folder", "")) / example.value("path", "");
  const int64_t image = images->add(file, kExampleEdge, cut_of(example));
  const std::string caption = escape_html(example.value("caption", ""));
  const std::string path = escape_html(example.value("path", ""));
  if (image < 0) {
    return fmt::format(
        "<figure><figcaption><b>{}</b> (the picture is not there any more): "
        "{}</figcaption></figure>",
        path, caption);
  }
  return fmt::format(
      "<figure><img data-image=\"{}\" alt=\"{}\"><figcaption title=\"{}\">{}</figcaption></figure>",
      image, caption, path, caption.empty() ? "<i>no caption</i>" : caption);
}

// The untouched model's picture beside those of a step that the slider chooses.
std::string prompt_card(const Gallery& gallery, size_t number) {
  const PromptImages& prompt = gallery.prompts[number];
  std::string figures;
  int count = 0;
  const auto figure = [&](const char* role, const std::string& attribute, const char* caption) {
    ++count;
    figures += fmt::format(
        "<figure data-role=\"{}\"><img {} alt=\"{}: {}\"><figcaption>{}</figcaption></figure>",
        role, attribute, caption, escape_html(prompt.name), caption);
  };
  const auto has = [&](int64_t PromptImages::Shot::*part) {
    return std::any_of(prompt.shots.begin(), prompt.shots.end(),
                       [&](const PromptImages::Shot& shot) { return shot.*part >= 0; });
  };
  if (prompt.base >= 0) {
    figure("base", fmt::format("data-image=\"{}\"", prompt.base), "before: untouched model");
  }
  if (has(&PromptImages::Shot::live)) {
    const char* alone = gallery.averages_only ? "after: EMA" : "after: live weights";
    figure("live", "", prompt.shots.back().stitched ? "untouched, this step, EMA if any" : alone);
  }
  if (has(&PromptImages::Shot::average)) figure("average", "", "after: EMA");
  return fmt::format(
      "<div class=\"card\" data-prompt=\"{}\"><h3>{} <span class=\"soft\">{}</span></h3>"
      "<p class=\"soft\">{}</p><div class=\"shots {}\">{}</div><div class=\"slide\"><input "
      "type=\"range\" min=\"0\" max=\"{}\" value=\"0\" aria-label=\"step\"><output></output>"
      "</div></div>\n",
      number, escape_html(prompt.name), prompt.size, escape_html(prompt.prompt),
      count == 1 ? "one" : (count == 2 ? "two" : ""), figures, prompt.shots.size() - 1);
}

}  // namespace

std::string verdict_section(const Verdict& verdict) {
  std::string advice;
  std::string others;
  for (const Finding& finding : verdict.findings) {
    if (finding.text == verdict.headline) {
      advice = finding.advice;
      continue;
    }
    others +=
        fmt::format("<li class=\"{}\" data-code=\"{}\"><span class=\"mark\">{}</span>{} {}</li>\n",
                    name_of(finding.tone), finding.code, mark_of(finding.tone),
                    escape_html(finding.text), escape_html(finding.advice));
  }
  std::string html =
      fmt::format("<div class=\"verdict {}\" id=\"verdict\">{}{}</div>\n", name_of(verdict.tone),
                  escape_html(verdict.headline),
                  advice.empty() ? "" : "<p class=\"soft\">" + escape_html(advice) + "</p>");
  return others.empty() ? html : html + "<ul class=\"findings\">\n" + others + "</ul>\n";
}

std::string facts_section(const RunRecords& records) {
  return "<h2>What was trained</h2>\n<div class=\"grid\">\n" + model_card(records) +
         trained_card(records) + recipe_card(records) + course_card(records) +
         machine_card(records) + "</div>\n";
}

std::string chart_section(const nlohmann::ordered_json& charts, const std::string& section,
                          const std::string& title) {
  std::string cards;
  for (const auto& chart : charts) {
    if (chart.at("section") != section) continue;
    const std::string name = escape_html(chart.at("title").get<std::string>());
    cards += fmt::format(
        "<div class=\"card\"><h3>{}</h3><p class=\"soft\">{}</p><div class=\"plot\"><canvas "
        "data-chart=\"{}\" role=\"img\" aria-label=\"{}\"></canvas></div></div>\n",
        name, escape_html(chart.at("note").get<std::string>()),
        escape_html(chart.at("id").get<std::string>()), name);
  }
  return cards.empty() ? ""
                       : fmt::format("<h2>{}</h2>\n<div class=\"charts\">\n{}</div>\n",
                                     escape_html(title), cards);
}

std::string gallery_section(const Gallery& gallery) {
  std::string cards;
  for (size_t i = 0; i < gallery.prompts.size(); ++i) {
    if (!gallery.prompts[i].shots.empty()) cards += prompt_card(gallery, i);
  }
  if (cards.empty()) return "";
  std::string html =
      "<h2>Pictures over the steps</h2>\n<p class=\"soft\">The same prompt, noise and settings "
      "each time; only the weights differ.";
  if (gallery.num_shown < gallery.num_steps) {
    html += fmt::format(" {} of {} steps are shown.", gallery.num_shown, gallery.num_steps);
  }
  if (gallery.num_left_out > 0) {
    html += fmt::format(" {} more prompts are left out.", gallery.num_left_out);
  }
  html +=
      "</p>\n<div class=\"slide all\"><span>All</span><input type=\"range\" min=\"0\" "
      "id=\"all-prompts\" aria-label=\"step of all prompts\"><output></output></div>\n";
  return html + "<div class=\"prompts\">\n" + cards + "</div>\n";
}

std::string data_section(const RunRecords& records, ImageStore* images) {
  std::string html;
  for (const Json& set : records.run.value("data_sets", Json::array())) {
    const auto repeats = set.value("repeats", int64_t{0});
    html += fmt::format(
        "<div class=\"card\" style=\"margin-bottom:1rem\"><h3>{} <span "
        "class=\"soft\">{}</span></h3>"
        "<p>{} images{}{}</p>\n",
        escape_html(set.value("id", "")), escape_html(set.value("kind", "")),
        count_in(set, "images"),
        repeats > 0 ? fmt::format(", each {} times an epoch", repeats + 1) : "",
        set.contains("masks") ? ", masked by " + escape_html(set.value("masks", "")) : "");
    html += bucket_table(set.value("sizes", Json::array()));
    html += "<div class=\"examples\">";
    for (const Json& example : set.value("examples", Json::array())) {
      html += example_figure(set, example, images);
    }
    html += "</div></div>\n";
  }
  return html.empty()
             ? ""
             : "<h2>Data</h2>\n<p class=\"soft\">Sizes after bucketing, and examples as they are "
               "cut for training.</p>\n" +
                   html;
}

std::string config_section(const RunRecords& records) {
  return fmt::format(
      "<h2>Configuration</h2>\n<details><summary>The resolved configuration: it reproduces the "
      "run</summary><pre>{}</pre></details>\n",
      escape_html(records.config.dump(2, ' ', false, Json::error_handler_t::replace)));
}

}  // namespace omnigen::report
