// Which trackers a run has, and which of its settings they may see.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "config/load.h"
#include "io/event_writer.h"
#include "train/tracker.h"

namespace omnigen::train {

// The resolved configuration without keys that may hold secrets.
config::Json public_settings(const config::Json& resolved);
// Its plain values, for TensorBoard's HPARAMS page.
std::map<std::string, io::HyperParameter> hyper_parameters(const config::Json& settings);

struct TrackerEnvironment {
  std::string path;        // PATH
  std::string wandb_mode;  // WANDB_MODE
};

// Those that report_to names. One that cannot start is a warning, and the run goes on without it.
Trackers make_trackers(const config::LoadResult& loaded, const TrackerEnvironment& environment);

}  // namespace omnigen::train
