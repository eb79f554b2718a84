// What a run needs of others: the model that scores images, the Hub, trackers. Looked for before
// anything is loaded.
#pragma once

#include <memory>
#include <optional>

#include "config/load.h"
#include "train/hub_access.h"
#include "train/publisher.h"
#include "train/tracker.h"

namespace omnigen::train {

// The Hub with push_to_hub. Rank 0 only.
// Errors: DataError for an incomplete CLIP model, ConfigError for client, token or address.
std::optional<HubAccess> find_services(const config::LoadResult& loaded);

// Rank 0 only.
Trackers start_trackers(const config::LoadResult& loaded);
std::unique_ptr<Publisher> make_publisher(const config::LoadResult& loaded, const RunPlan& plan,
                                          const std::optional<HubAccess>& hub);

// The verb wandb-upload; returns its exit code.
int run_wandb_upload(const std::string& output_dir);

}  // namespace omnigen::train
