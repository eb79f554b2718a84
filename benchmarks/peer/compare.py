#!/usr/bin/env python3
"""The runs of run.sh as a table of paired ratios; prints it and writes the page with the full configuration.

  compare.py RUNS.jsonl PAGE.md
"""
import importlib.metadata
import json
import statistics
import sys
from pathlib import Path

MOST_OTHERS = 0.05
COLUMNS = ("config", "px", "batch", "dtype", "adapters", "base")
MODES = ("reference", "rebuild", "bypass")
PACKAGES = ("torch", "diffusers", "transformers", "lycoris-lora")


def cells_of(runs):
    """{row: {program: [result, ...]}} in order of appearance; a row is a tuple of COLUMNS."""
    cells = {}
    for run in runs:
        if run["program"] != "memory":
            key = tuple(run["row"].split("/"))
            cells.setdefault(key, {}).setdefault(run["program"], []).append(run["result"])
    return cells


def ratio(cell, mode):
    """Median of the paired ratios ours/peer, with its range: above 1 ours is faster."""
    pairs = sorted(ours["gflops"] / peer["gflops"] for ours, peer in zip(cell["ours"], cell[mode]))
    return f"**{statistics.median(pairs):.2f}** ({pairs[0]:.2f} to {pairs[-1]:.2f})"


def row(key, cell):
    """One line of the table."""
    middle = lambda program, figure: statistics.median(r[figure] for r in cell[program])
    programs = ("ours", *MODES)
    roof = cell["roof"][0]["roof_gflops"]
    others = max(r["others_cpu"] for program in programs for r in cell[program])
    wait = statistics.median(r["share"]["data"] for r in cell["ours"])
    speeds = [middle(program, "gflops") for program in programs]
    memory = "/".join(f"{middle(program, 'peak_rss_mib'):.0f}" for program in programs)
    return "| " + " | ".join([*key, *(f"{s:.1f}" for s in speeds), *(ratio(cell, mode) for mode in MODES),
                              f"{100 * speeds[0] / roof:.0f} % of {roof:.0f}", f"{100 * wait:.2f} %", memory,
                              f"{others:.3f}{' (busy)' if others > MOST_OTHERS else ''}"]) + " |"


def table(cells):
    """The cells as Markdown."""
    head = [*COLUMNS, "ours GFLOP/s", *(f"peer {mode}" for mode in MODES), *(f"ours / {mode}" for mode in MODES),
            "of the roof", "data wait", "peak RSS MiB ours/" + "/".join(MODES), "others_cpu"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + [row(key, cell) for key, cell in cells.items()])


def configuration(cells):
    """What the figures depend on."""
    first = next(iter(cells.values()))
    ours = first["ours"][0]
    machine = ours["machine"]
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return "\n".join([
        f"- ours: commit {machine['commit']}, {machine['build_type']} build, libtorch {machine['torch']}",
        f"- peer: {packages}; `reference` is its quick start's setting (weights rebuilt, checkpointing), `rebuild` LyCORIS'"
        " default mode, `bypass` its best; its base is always dense",
        f"- machine: {machine['cpu']}, {machine['cores']} cores, {machine['isa']}"
        f"{' with bf16 dot products' if machine['bf16_isa'] else ''}; {machine['threads']} thread(s) for each program",
        "- workload: packed samples, ours without checkpointing;"
        f" {first['ours'][0]['round_s']['n']} rounds of four samples a run, {len(first['ours'])} runs of each"
        " program, alternating",
        "- GFLOP/s are useful FLOP of a round over its median time; a ratio is the median over pairs of neighbouring"
        " runs, with the least and the greatest; the roof is of dense products; our loader's thread comes on top of the compute thread"])


def memory_line(runs):
    """Growth of the resident set over 1000 steps."""
    found = [r["result"] for r in runs if r["program"] == "memory"]
    if not found:
        return ""
    first, last = found[-1]["rss_mib_step_100"], found[-1]["rss_mib_step_1000"]
    return (f"\nMemory (tiny, bf16, batch 1): resident set {first:.1f} MiB after step 100, {last:.1f} MiB after step "
            f"1000 ({100 * (last / first - 1):+.2f} %); data wait {100 * found[-1]['data_wait']:.2f} % of step time.\n")


def main():
    runs = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    cells = cells_of(runs)
    text = table(cells) + "\n" + memory_line(runs)
    print(text)
    Path(sys.argv[2]).write_text("# Training step beside the Python peer\n\n"
                                 "Made by `benchmarks/run.sh`; above 1 ours is faster.\n\n"
                                 f"{configuration(cells)}\n\n{text}")


if __name__ == "__main__":
    main()
