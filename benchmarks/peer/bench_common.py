"""What every CPU benchmark here shares: the batch, the FLOP count, the timing, the facts about the machine.

The workload is fixed so that two programs can be compared in one run: templated text lengths LENGTHS (token ids per
sample, 44..118), one square target image per sample, patch 2 on /8 latents, hence (px/16)^2 image tokens and
T = L + 1 + N tokens per sample. One *round* is those four samples once: four steps at batch 1, one step at batch 4.

Useful FLOP of a round (the numerator of every GFLOP/s here, the same for every implementation), with M = sum of T
without padding, D hidden, F FFN width, NL layers, 1 multiply-add = 2 FLOP:
  linear forward   2 M (4 D^2 + 3 D F) NL
  linear backward  the same again for dX, less layer 0's q/k/v (its input needs no gradient); frozen weights need no dW
  attention        4 D P NL forward, 8 D P NL backward; P = sum of (L+1)(L+2)/2 + N T allowed (query, key) pairs
  LoKr, factorised per adapted linear 2 M c b (d + a) forward; backward 2 M c b d (dX) + 2 M c b d (dW2) + 4 M a c b
  patch and output projections  2 N 16 D forward each, output once more backward
Recomputation, padding, materialised Kronecker products and dense dW are work an implementation adds; not counted.
"""
import json
import os
import platform
import resource
import statistics
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
TOKENIZER = HERE.parents[1] / "tests" / "golden" / "tiny-omnigen" / "tokenizer"  # OmniGen's own
LENGTHS = (44, 97, 61, 118)  # text tokens of the four samples of a round, template included
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def load_config(path, layers=None):
    """Model config (diffusers keys) from a JSON file, or by name from bench_configs/; `layers` overrides num_layers."""
    path = Path(path)
    if not path.exists():
        path = HERE / "bench_configs" / f"{path.name}.json"
    config = json.loads(path.read_text())
    if layers:
        config["num_layers"] = layers
    return config


def factor_pair(n, f):
    """LyCORIS' split of a dimension for the factors used here (f divides n, or the largest divisor below f)."""
    m = f if n % f == 0 else max(k for k in range(1, f + 1) if n % k == 0)
    return tuple(sorted((m, n // m)))


def adapted_linears(config, adapt):
    """(count per layer, out, in, factor, input is the layer's own input) of the linears that carry LoKr."""
    d, f = config["hidden_size"], config["intermediate_size"]
    linears = [(3, d, d, 16, True), (1, d, d, 16, False)]
    if adapt == "attention+mlp":
        linears += [(1, 2 * f, d, 8, False), (1, d, f, 8, False)]
    return linears


def tokens(px):
    """Image tokens of a px x px target."""
    return (px // 16) ** 2


def useful_flop(config, px, adapt):
    """FLOP of one round (four samples, forward and backward), by part; formula in the module docstring."""
    d, f, layers, n = config["hidden_size"], config["intermediate_size"], config["num_layers"], tokens(px)
    m = sum(length + 1 + n for length in LENGTHS)
    pairs = sum((length + 1) * (length + 2) // 2 + n * (length + 1 + n) for length in LENGTHS)
    linear = 2 * m * (4 * d * d + 3 * d * f) * layers
    parts = {"linear_forward": linear, "linear_backward": linear - 2 * m * 3 * d * d,
             "attention_forward": 4 * d * pairs * layers, "attention_backward": 8 * d * pairs * layers,
             "projections": 4 * n * len(LENGTHS) * 16 * d * 3 // 2, "lokr": 0}
    for count, out, inp, factor, _ in adapted_linears(config, adapt):
        (a, b), (c, e) = factor_pair(out, factor), factor_pair(inp, factor)
        forward = 2 * m * c * b * (e + a)
        parts["lokr"] += layers * count * (forward + 2 * (2 * m * c * b * e) + 4 * m * a * c * b)
    parts["total"] = sum(parts.values())
    return parts


def spread(seconds):
    """min, median, max of a list of seconds, rounded to 0.1 ms."""
    return {"min": round(min(seconds), 4), "median": round(statistics.median(seconds), 4),
            "max": round(max(seconds), 4), "n": len(seconds)}


def reset_peak():
    """Restart the kernel's peak-RSS counter, so that building the model is not counted."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak_rss_mib():
    """Peak resident set since reset_peak() (since start where the kernel does not allow it), MiB."""
    try:
        line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
        return round(int(line.split()[1]) / 1024, 1)
    except (OSError, StopIteration):
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


class Others:
    """Share of the machine's processor time that other programs used between start and share(): above 0.05, repeat."""

    def __init__(self):
        self.start = self._read()

    @staticmethod
    def _read():
        busy, used = 0.0, resource.getrusage(resource.RUSAGE_SELF)
        if Path("/proc/stat").exists():
            ticks = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
            busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        return busy, used.ru_utime + used.ru_stime, time.perf_counter()

    def share(self):
        busy, own, wall = (b - a for a, b in zip(self.start, self._read()))
        return round(max(0.0, busy - own) / (wall * os.cpu_count()), 3)


def machine():
    """What the figures depend on besides the program."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [x.split(":")[1].strip() for x in info.splitlines() if x.startswith("model name")]
    model = names[0] if names else platform.processor()
    return {"cpu": model, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__,
            "isa": torch.backends.cpu.get_cpu_capability(), "bf16_isa": "avx512_bf16" in info,
            "load": round(os.getloadavg()[0], 2)}
