#include "adapter/adapter_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapter/lokr_file.h"
#include "adapter/lora.h"
#include "adapter/peft_file.h"
#include "io/atomic_file.h"
#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const fs::path& path) {
  if (!fs::is_directory(path)) return path;
  return fs::exists(path / kPeftFile) ? path / kPeftFile : path / kLokrFile;
}

bool any_holds(const Tensors& tensors, const std::string& part) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& entry) {
    return entry.first.find(part) != std::string::npos;
  });
}

}  // namespace

void AdapterFiles::write_as(const std::string& name, const fs::path& folder) const {
  io::write_safetensors(folder / name, tensors, metadata);
  for (const auto& [text_name, text] : texts) io::write_atomically(folder / text_name, text);
}

std::map<std::string, std::string> modelspec_metadata(const FileFacts& facts) {
  const std::string flavour = facts.flavour.empty() ? "" : "-" + facts.flavour;
  std::map<std::string, std::string> metadata = {
      {"modelspec.sai_model_spec", "1.0.1"},
      {"modelspec.architecture", fmt::format("omnigen{}/lora", flavour)},
      {"modelspec.implementation", "diffusers"},
      {"modelspec.title", facts.title},
      {"modelspec.resolution", fmt::format("{0}x{0}", facts.resolution)},
      {"modelspec.description", "Unified multimodal generation model"},
      {"modelspec.comment", facts.comment},
      {"trained_words", facts.trained_words},
      {"global_step", std::to_string(facts.step)}};
  std::erase_if(metadata, [](const auto& entry) { return entry.second.empty(); });
  return metadata;
}

Tensors read_adapter(const fs::path& path) {
  const io::SafetensorsReader reader(file_of(path));
  Tensors tensors;
  for (const auto& [name, info] : reader.tensors()) tensors[name] = reader.tensor(name);
  if (any_holds(tensors, ".lokr_w1")) return tensors;
  if (any_holds(tensors, kLoraA)) return from_peft(reader.path(), std::move(tensors));
  throw util::DataError(fmt::format(
      "{}: neither a LoKr nor a LoRA adapter: none of its {} tensors is a lokr_w1 or a lora_A{}; "
      "give the {} of a LyCORIS run with algo \"lokr\", or the {} of a PEFT LoRA",
      reader.path().string(), tensors.size(),
      tensors.empty() ? "" : fmt::format(" (the first is {})", tensors.begin()->first), kLokrFile,
      kPeftFile));
}

}  // namespace omnigen::adapter
