#include "comm/cuda_devices.h"

#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDAFunctions.h>
#include <fmt/format.h>

#include <fstream>

namespace omnigen::comm {
namespace {

std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

int numa_node_of(const std::string& pci_bus_id) {
  int node = -1;
  std::ifstream("/sys/bus/pci/devices/" + pci_bus_id + "/numa_node") >> node;
  return node;
}

}  // namespace

std::vector<GpuFacts> visible_gpus() {
  std::vector<GpuFacts> gpus;
  for (c10::DeviceIndex device = 0; device < c10::cuda::device_count(); ++device) {
    const cudaDeviceProp& properties = *at::cuda::getDeviceProperties(device);
    GpuFacts facts;
    facts.name = properties.name;
    facts.uuid = uuid_text(properties.uuid);
    facts.pci_bus_id = fmt::format("{:04x}:{:02x}:{:02x}.0", properties.pciDomainID,
                                   properties.pciBusID, properties.pciDeviceID);
    facts.numa_node = numa_node_of(facts.pci_bus_id);
    facts.memory_bytes = properties.totalGlobalMem;
    gpus.push_back(std::move(facts));
  }
  return gpus;
}

std::string cuda_version() {
  return fmt::format("CUDA {}.{}", CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
}

void select_gpu(int device) {
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
}

}  // namespace omnigen::comm
