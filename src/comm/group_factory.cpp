#include "comm/group_factory.h"

#include <fmt/format.h>
#include <mpi.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "comm/device_choice.h"
#include "comm/mpi_group.h"
#include "comm/single_group.h"
#include "util/error.h"
#include "util/log.h"
#ifdef OMNIGEN_WITH_CUDA
#include "comm/cuda_devices.h"
#include "comm/nccl_group.h"
#endif

namespace omnigen::comm {
namespace {

GroupAndDevice make_host_group(Job& job, at::Device device) {
  if (job.size() == 1) return {std::make_unique<SingleGroup>(), device, "single"};
  return {std::make_unique<MpiGroup>(job.watchdog()), device, "mpi"};
}

#ifdef OMNIGEN_WITH_CUDA

VisibleGpus gpus_of_this_rank(const Job& job, const std::vector<GpuFacts>& facts) {
  VisibleGpus gpus;
  gpus.host = job.host();
  gpus.local_rank = job.local_rank();
  gpus.local_size = job.local_size();
  gpus.visible_devices = job.visible_devices();
  for (const GpuFacts& gpu : facts) gpus.uuids.push_back(gpu.uuid);
  return gpus;
}

// One table, on rank 0.
void log_devices(ProcessGroup& group, const Job& job, const GpuFacts& gpu, int device) {
  const auto rows = group.all_gather_bytes(
      fmt::format("rank {} host {} GPU {} {} {} PCI {} NUMA {}", job.rank(), job.host(), device,
                  gpu.name, gpu.uuid, gpu.pci_bus_id, gpu.numa_node));
  for (const std::string& row : rows) util::log::info(row);
}

at::Device choose_gpu(const GroupOptions& options, Job& job) {
  const auto facts = visible_gpus();
  std::vector<VisibleGpus> ranks;
  for (const auto& text : job.group().all_gather_bytes(to_json(gpus_of_this_rank(job, facts)))) {
    ranks.push_back(visible_gpus_from_json(text));
  }
  if (options.device == "auto" && no_gpus(ranks)) return at::kCPU;

  const auto devices = choose_devices(ranks, options.allow_gpu_sharing);
  const int index = devices[static_cast<size_t>(job.rank())];
  select_gpu(index);
  log_devices(job.group(), job, facts[static_cast<size_t>(index)], index);
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

GroupAndDevice add_nccl(GroupAndDevice made, const GroupOptions& options, Job& job) {
  made.group = std::make_unique<NcclGroup>(std::move(made.group), job.watchdog(),
                                           made.device.index(), options.nccl_init_s);
  made.backend = "nccl";
  return made;
}

std::string gpu_versions() {
  return cuda_version() + ", " + nccl_version();
}

std::optional<double> smallest_gpu() {
  std::optional<double> smallest;
  for (const GpuFacts& gpu : visible_gpus()) {
    const auto bytes = static_cast<double>(gpu.memory_bytes);
    smallest = smallest ? std::min(*smallest, bytes) : bytes;
  }
  return smallest;
}

#else

std::string gpu_versions() {
  return "without CUDA";
}

std::optional<double> smallest_gpu() {
  return std::nullopt;
}

at::Device choose_gpu(const GroupOptions& options, Job& /*job*/) {
  if (options.device == "auto") return at::kCPU;
  throw util::ConfigError(
      "device cuda: this program was built with a libtorch without CUDA; set up again with the "
      "wheel of launch/setup.sh, or use device cpu");
}

GroupAndDevice add_nccl(GroupAndDevice made, const GroupOptions& /*options*/, Job& /*job*/) {
  return made;  // never on a GPU
}

#endif

}  // namespace

at::Device choose_device(const GroupOptions& options, Job& job) {
  if (options.device != "auto" && options.device != "cpu" && options.device != "cuda") {
    throw util::ConfigError(
        fmt::format("device: \"{}\" is none of auto, cpu, cuda", options.device));
  }
  return options.device == "cpu" ? at::Device(at::kCPU) : choose_gpu(options, job);
}

std::string library_versions() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string mpi(text.data(), static_cast<size_t>(length));
  return fmt::format("libtorch {}, {}, {}", TORCH_VERSION, mpi.substr(0, mpi.find(',')),
                     gpu_versions());
}

std::optional<double> smallest_gpu_bytes() {
  return smallest_gpu();
}

GroupAndDevice make_process_group(const GroupOptions& options, Job& job) {
  GroupAndDevice made = make_host_group(job, choose_device(options, job));
  if (made.device.is_cuda() && job.size() > 1 && !options.allow_gpu_sharing) {
    made = add_nccl(std::move(made), options, job);
  }
  util::log::debug(fmt::format("process group {} of {}, device {}", made.backend, job.size(),
                               made.device.str()));
  return made;
}

}  // namespace omnigen::comm
