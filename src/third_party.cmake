# Every third-party library as one imported target. libtorch is taken from the PyPI wheel: its own CMake
# package demands nvcc, so headers and libraries are imported here.
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(Boost REQUIRED COMPONENTS program_options)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Protobuf REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(VIPS REQUIRED IMPORTED_TARGET vips-cpp)
pkg_check_modules(GLIB REQUIRED IMPORTED_TARGET glib-2.0)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_file(CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js REQUIRED
          DOC "Chart.js 3, for the pages of omnigen-dist report")

if(OMNIGEN_TORCH_DIR)
  set(torch_dir ${OMNIGEN_TORCH_DIR})
else()
  file(GLOB torch_dir ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
endif()
if(NOT EXISTS "${torch_dir}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "libtorch not found in '${torch_dir}'. Run launch/setup.sh, or give "
                      "-DOMNIGEN_TORCH_DIR=DIR (a folder with include/ and lib/).")
endif()
message(STATUS "libtorch: ${torch_dir}")

add_library(third_party_torch INTERFACE)
target_include_directories(third_party_torch SYSTEM INTERFACE
  ${torch_dir}/include ${torch_dir}/include/torch/csrc/api/include)
target_link_directories(third_party_torch INTERFACE ${torch_dir}/lib)
target_link_libraries(third_party_torch INTERFACE c10 torch_cpu Threads::Threads)
# fmt comes as headers, so that the wheel's copy and Debian's (behind spdlog) never meet at link time.
target_compile_definitions(third_party_torch INTERFACE FMT_HEADER_ONLY)
# libstdc++ comes first in the search for symbols: the wheel's libraries export old pieces of
# std::filesystem of their own, which crash when they are taken for the real ones.
target_link_options(third_party_torch INTERFACE
  LINKER:--push-state,--no-as-needed,-lstdc++,--pop-state
  -Wl,--allow-shlib-undefined -Wl,-rpath,${torch_dir}/lib)

# GPU side: present in the wheel, absent from a CPU-only libtorch. Nothing here needs nvcc or a GPU.
get_filename_component(site_packages ${torch_dir} DIRECTORY)
find_path(OMNIGEN_NCCL_INCLUDE nccl.h HINTS ${site_packages}/nvidia/nccl/include)
# NAMES_PER_DIR: the wheel's libraries under any name, before the system's.
find_library(OMNIGEN_NCCL_LIBRARY NAMES nccl libnccl.so.2 NAMES_PER_DIR
             HINTS ${site_packages}/nvidia/nccl/lib)
find_library(OMNIGEN_CUDART_LIBRARY NAMES cudart libcudart.so.13 NAMES_PER_DIR
             HINTS ${site_packages}/nvidia/cu13/lib ${torch_dir}/lib)
find_path(OMNIGEN_CUDA_INCLUDE cuda_runtime_api.h HINTS ${site_packages}/nvidia/cu13/include)
if(EXISTS "${torch_dir}/lib/libtorch_cuda.so" AND OMNIGEN_NCCL_LIBRARY AND OMNIGEN_NCCL_INCLUDE
   AND OMNIGEN_CUDA_INCLUDE AND OMNIGEN_CUDART_LIBRARY)
  set(OMNIGEN_WITH_CUDA ON)
  get_filename_component(nccl_lib_dir ${OMNIGEN_NCCL_LIBRARY} DIRECTORY)
  get_filename_component(cudart_lib_dir ${OMNIGEN_CUDART_LIBRARY} DIRECTORY)
  add_library(third_party_cuda INTERFACE)
  target_include_directories(third_party_cuda SYSTEM INTERFACE
    ${OMNIGEN_NCCL_INCLUDE} ${OMNIGEN_CUDA_INCLUDE})
  target_link_libraries(third_party_cuda INTERFACE third_party_torch
    -Wl,--no-as-needed torch_cuda c10_cuda -Wl,--as-needed ${OMNIGEN_NCCL_LIBRARY}
    ${OMNIGEN_CUDART_LIBRARY})
  target_link_options(third_party_cuda INTERFACE
    -Wl,-rpath,${nccl_lib_dir} -Wl,-rpath,${cudart_lib_dir})
else()
  set(OMNIGEN_WITH_CUDA OFF)
endif()
message(STATUS "GPU and NCCL: ${OMNIGEN_WITH_CUDA}")
