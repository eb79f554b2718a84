#!/usr/bin/env python3
"""The Python peer's data-parallel scaling on one machine: N processes of one thread (gloo) against one of N threads.

Every process runs peer_step.py's step on its own samples; after backward the adapter gradients are averaged in one
flat all-reduce, the cheapest thing DDP could do. Prints one JSON object: images per second of both ways.

  peer_scale.py --config tiny --px 256 --procs 2
"""
import argparse
import json
import os
import tempfile

import torch
import torch.distributed as dist

import bench_common as bench
import peer_step


def all_reduce_flat(params):
    """Average the gradients over the processes, in one call."""
    flat = torch.cat([p.grad.flatten() for p in params]).float()
    dist.all_reduce(flat)
    for p, part in zip(params, (flat / dist.get_world_size()).split([p.numel() for p in params])):
        p.grad.copy_(part.view_as(p))


def work(rank, world, threads, args, rendezvous, result):
    """One process: warm up, then --rounds rounds between barriers; rank 0 writes the slowest process' seconds."""
    torch.set_num_threads(threads)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    peer = peer_step.Peer(bench.load_config(args.config), args.px, args.batch, args.dtype)
    peer.reduce_gradients = all_reduce_flat if world > 1 else None
    peer.step()
    steps, rounds = len(bench.LENGTHS) // args.batch, []
    for _ in range(args.rounds):
        seconds = torch.tensor([sum(sum(peer.step()) for _ in range(steps))])
        if world > 1:
            dist.all_reduce(seconds, dist.ReduceOp.MAX)
        rounds.append(seconds.item())
    if rank == 0:
        with open(result, "w") as file:
            json.dump(rounds, file)


def run(world, threads, args):
    """Seconds per round of `world` processes with `threads` threads each."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    with tempfile.TemporaryDirectory() as folder:
        rendezvous, result = f"{folder}/rendezvous", f"{folder}/result"
        torch.multiprocessing.spawn(work, (world, threads, args, rendezvous, result), nprocs=world)
        with open(result) as file:
            return json.load(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--px", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1, choices=(1, 2, 4))
    parser.add_argument("--dtype", choices=bench.DTYPES, default="fp32")
    parser.add_argument("--procs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--only", action="store_true", help="the N processes of one thread alone")
    args = parser.parse_args()
    samples = len(bench.LENGTHS)
    many = bench.spread(run(args.procs, 1, args))
    if args.only:
        print(json.dumps({"what": "peer_scale", "round_s": many,
                          "images_per_s": args.procs * samples / many["median"]}))
        return
    one = bench.spread(run(1, args.procs, args))
    single = bench.spread(run(1, 1, args))
    rate = {"one_process_one_thread": samples / single["median"], "one_process_n_threads": samples / one["median"],
            "n_processes_one_thread": args.procs * samples / many["median"]}
    efficiency = rate["n_processes_one_thread"] / args.procs / rate["one_process_one_thread"]
    print(json.dumps({"what": "peer_scale", "config": args.config, "px": args.px, "batch": args.batch,
                      "dtype": args.dtype, "procs": args.procs, "machine": bench.machine(),
                      "round_s": {"one_thread": single, "n_threads": one, "n_processes": many},
                      "images_per_s": {k: round(v, 3) for k, v in rate.items()},
                      "efficiency": round(efficiency, 3)}))


if __name__ == "__main__":
    main()
