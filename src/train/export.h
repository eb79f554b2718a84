// `omnigen-dist export`: a run's result in another layout.
//
//   diffusers   a whole model folder, an adapter merged into it
//   original    the same as Shitao/OmniGen-v1 lies
//   lycoris     the LoKr adapter alone
//   peft        the LoRA or LoKr adapter alone, for PeftModel.from_pretrained
#pragma once

#include <string>
#include <vector>

namespace omnigen::train {

// Returns the exit code. Errors: ConfigError for the arguments, DataError, Error.
int run_export(const std::vector<std::string>& args);

}  // namespace omnigen::train
