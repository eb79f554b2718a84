# Environment of a run: each variable of Open MPI and NCCL that this project sets, and why.
# Sourced by the other scripts. Nothing that the user has set is changed.
# shellcheck shell=bash

# Threads of one rank: the host's cores shared by its ranks. The programs do the same where this is
# unset and MPI tells them; here it also holds for the OpenMP regions of libraries.
: "${OMNIGEN_RANKS_PER_HOST:=1}"
cores=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)  # which says these where they are set
if [ -z "${OMP_NUM_THREADS:-}" ]; then
  OMP_NUM_THREADS=$((cores / OMNIGEN_RANKS_PER_HOST))
  [ "$OMP_NUM_THREADS" -ge 1 ] || OMP_NUM_THREADS=1
fi
export OMP_NUM_THREADS

# Idle OpenMP threads sleep instead of spinning: the cores are shared with other ranks and with the
# threads that load data. But not at once where there is a core for each: in a step one parallel
# region follows the other, each after a wake-up else. These turns take 0.25 ms on an AMD EPYC.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
if [ $((OMP_NUM_THREADS * OMNIGEN_RANKS_PER_HOST)) -le "$cores" ]; then
  export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-10000}
fi

# NCCL says why when it fails, and nothing else. INFO shows rings, interfaces and transports.
export NCCL_DEBUG=${NCCL_DEBUG:-WARN}

# --- Open MPI ---------------------------------------------------------------------------------
# A rank that waits gives its core away; only where there are more ranks than cores.
if [ "$OMNIGEN_RANKS_PER_HOST" -gt "$cores" ]; then
  export OMPI_MCA_mpi_yield_when_idle=${OMPI_MCA_mpi_yield_when_idle:-1}
fi
# Copies between ranks of a host by process_vm_readv are forbidden in most containers, and Open MPI
# prints an error for every pair of ranks before it falls back.
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
# No question for InfiniBand devices that Open MPI finds without a configuration: NCCL drives them,
# MPI moves little (job control, data of the host).
export OMPI_MCA_btl_openib_warn_no_device_params_found=${OMPI_MCA_btl_openib_warn_no_device_params_found:-0}

# --- Not set here, on purpose -------------------------------------------------------------------
# NCCL_SOCKET_IFNAME, NCCL_IB_*, NCCL_P2P_LEVEL: NCCL chooses InfiniBand where there is some and leaves
# out loopback and docker interfaces; a wrong forced value is a common cause of a start that hangs.
# To find a fault, one at a time (docs/distributed.md):
#   NCCL_SOCKET_IFNAME=eth0             the interface for bootstrap and TCP
#   NCCL_IB_DISABLE=1                   does TCP work where InfiniBand does not?
#   NCCL_P2P_DISABLE=1                  does host memory work where peer-to-peer does not?
#   NCCL_NET_GDR_LEVEL=2, NCCL_P2P_LEVEL=PXB   how far GPUs may be apart for direct copies
#   NCCL_BUFFSIZE=2097152               smaller buffers when GPU memory is short
#   FI_PROVIDER=efa                     AWS
#   OMPI_MCA_btl_tcp_if_include=eth0    the interface for MPI over TCP
