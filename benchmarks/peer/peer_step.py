#!/usr/bin/env python3
"""The Python peer's training step, timed: diffusers' OmniGenTransformer2DModel, LyCORIS LoKr, AdamW, .pt caches.

It does per step what SimpleTuner does: load the cached latents, tokenise the captions, pad to the longest and build
the dense mask in Python, draw noise and t, forward (bf16: under autocast, as accelerate runs it), MSE in fp32,
backward, clip by value, AdamW on the adapter only. Workload and FLOP count: bench_common.py.
Prints one JSON object. Times in seconds per round (four samples), rates per second, memory in MiB, work in GFLOP/s.

  peer_step.py --config small --px 256 --batch 1 --dtype bf16 --threads 2
  peer_step.py --config small --px 512 --dtype bf16 --device cuda      on the first GPU; memory is the GPU's then

With --bare it runs where there is the torch wheel and nothing else, from the peer's Python sources (launch/gpu_pack.sh):
token ids are the same every time instead of being made from captions.
"""
import argparse
import contextlib
import json
import logging
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

import bench_common as bench


def build_model(config, dtype, checkpointing, device=torch.device("cpu")):
    """Frozen base model with random weights of realistic scale, made where it stays."""
    from diffusers import OmniGenTransformer2DModel
    from diffusers.utils import logging as diffusers_logging
    diffusers_logging.set_verbosity_error()
    torch.manual_seed(0)
    with device:
        model = OmniGenTransformer2DModel(**config).to(dtype).requires_grad_(False).train()
    if checkpointing:
        model.enable_gradient_checkpointing()
    return model


def attach_lokr(model, dtype, adapt, bypass):
    """LoKr as the quick start's lycoris_config.json sets it: factor 16 on Attention; 8 on the MLP if asked for.

    The quick start's "FeedForward" matches no module of this model, so its users train attention only ("attention").
    """
    from lycoris import LycorisNetwork, create_lycoris
    logging.getLogger("LyCORIS").setLevel(logging.ERROR)
    targets = {"Attention": {"factor": 16}}
    if adapt == "attention+mlp":
        targets["OmniGenFeedForward"] = {"factor": 8}
    LycorisNetwork.apply_preset({"target_module": list(targets), "module_algo_map": targets})
    network = create_lycoris(model, 1.0, linear_dim=10000, linear_alpha=1, algo="lokr", factor=16, bypass_mode=bypass)
    network.apply_to()
    network.to(dtype=dtype).train()
    for name, value in network.named_parameters():  # as after some training: W2 = 0 would hide no cost but be unreal
        if name.endswith("lokr_w2"):
            torch.nn.init.normal_(value, std=1e-3)
    return network


class PtCache(Dataset):
    """One .pt file of latents and one caption per sample, four samples repeated for ever (the size is nominal)."""

    def __init__(self, folder, px, captions):
        self.files = [Path(folder) / f"{i}.pt" for i in range(len(captions))]
        self.captions = captions
        for file in self.files:
            torch.save(torch.randn(4, px // 8, px // 8), file)

    def __len__(self):
        return 1 << 20

    def __getitem__(self, i):
        return torch.load(self.files[i % len(self.files)]), self.captions[i % len(self.captions)]


class FixedTokens:
    """In the place of the peer's processor: a caption is its number of tokens."""

    def process_multi_modal_prompt(self, text, input_images=None):
        return {"input_ids": [1 + i % 1000 for i in range(len(text.split()))], "pixel_values": None, "image_sizes": None}


def tokens_of(tokenizer, bare):
    """The peer's processor of prompts."""
    if bare:
        return FixedTokens()
    from diffusers.pipelines.omnigen.processor_omnigen import OmniGenMultiModalProcessor
    from transformers import AutoTokenizer
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return OmniGenMultiModalProcessor(AutoTokenizer.from_pretrained(str(tokenizer)), max_image_size=1024)


def captions_of(processor, lengths):
    """Captions whose templated token counts are exactly `lengths`."""
    count = lambda text: len(processor.process_multi_modal_prompt(text, input_images=None)["input_ids"])
    base = count("a cat")
    return ["a cat" + " cat" * (length - base) for length in lengths]


class Peer:
    """Model, adapter, optimizer and loader; step() runs one optimizer step and returns its parts in seconds."""

    def __init__(self, config, px, batch, dtype, adapt="attention", bypass=False, checkpointing=False, tokenizer=None,
                 device="cpu", bare=False):
        from diffusers.pipelines.omnigen.processor_omnigen import OmniGenCollator
        self.dtype, self.device = bench.DTYPES[dtype], torch.device(device)
        self.model = build_model(config, self.dtype, checkpointing, self.device)
        self.network = attach_lokr(self.model, self.dtype, adapt, bypass).to(self.device)
        self.params = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.params, lr=4e-5)
        self.processor = tokens_of(tokenizer or bench.TOKENIZER, bare)
        self.collator = OmniGenCollator(hidden_size=config["hidden_size"])
        self.folder = tempfile.TemporaryDirectory()
        cache = PtCache(self.folder.name, px, captions_of(self.processor, bench.LENGTHS))
        self.batches = iter(DataLoader(cache, batch_size=batch, collate_fn=lambda samples: samples))
        self.reduce_gradients = None  # set by peer_scale.py

    def load(self):
        samples = next(self.batches)
        latents = torch.stack([latent for latent, _ in samples])
        prompts = [self.processor.process_multi_modal_prompt(text, input_images=None) for _, text in samples]
        sizes = [[8 * latents.shape[-2], 8 * latents.shape[-1]]] * len(samples)
        ids, positions, mask, *_ = self.collator.process_mllm_input(prompts, sizes)
        noise = torch.randn_like(latents)
        t = torch.sigmoid(torch.randn(len(samples)))
        w = t.view(-1, 1, 1, 1)
        inputs = dict(hidden_states=w * latents + (1 - w) * noise, timestep=t, input_ids=ids, attention_mask=mask,
                      position_ids=positions, input_img_latents=[], input_image_sizes={}, return_dict=False)
        inputs = {k: v.to(self.device) if torch.is_tensor(v) else v for k, v in inputs.items()}
        return inputs, (latents - noise).to(self.device)

    def forward(self, inputs, target):
        cast = torch.autocast(self.device.type, torch.bfloat16) if self.dtype == torch.bfloat16 else contextlib.nullcontext()
        if self.dtype == torch.bfloat16:
            inputs = {**inputs, "hidden_states": inputs["hidden_states"].to(self.dtype)}
        with cast:
            prediction = self.model(**inputs)[0].float()
        return torch.nn.functional.mse_loss(prediction, target)

    def step(self):
        marks = [time.perf_counter()]

        def mark():
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            marks.append(time.perf_counter())

        inputs, target = self.load(); mark()
        loss = self.forward(inputs, target); mark()
        loss.backward(); mark()
        if self.reduce_gradients:
            self.reduce_gradients(self.params)
        torch.nn.utils.clip_grad_value_(self.params, 0.01)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False); mark()
        return [b - a for a, b in zip(marks, marks[1:])]


def profile_round(step, steps, config):
    """Share of self CPU time of one round by kind of work, told apart by operator name and operand shapes."""
    d, f = config["hidden_size"], config["intermediate_size"]
    weights = {d * d, 2 * d * f, d * f}
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as prof:
        for _ in range(steps):
            step()
    kinds = dict.fromkeys(["base and delta GEMM", "LoKr dense dW GEMM", "LoKr weight-sized elementwise", "attention",
                           "other elementwise and copies", "the rest"], 0.0)
    for event in prof.events():
        name, shapes = event.name, [s for s in event.input_shapes or [] if isinstance(s, (list, tuple)) and s]
        sizes = [torch.Size(s).numel() for s in shapes if all(isinstance(x, int) for x in s)]
        if any(x in name for x in ("scaled_dot_product", "flash_attention", "softmax")):
            kind = "attention"
        elif any(x in name for x in ("aten::mm", "aten::addmm", "aten::bmm", "mkldnn_linear", "aten::linear")):
            mats = [s for s in shapes if len(s) == 2][:2]
            result = {mats[0][0], mats[1][1]} if len(mats) == 2 else set()
            dense_dw = bool(result) and mats[0][0] * mats[1][1] in weights and result <= {d, f, 2 * f}
            kind = "LoKr dense dW GEMM" if dense_dw else "base and delta GEMM"
        elif any(s in weights for s in sizes) and all(len(s) in (0, 1, 2, 4) for s in shapes):
            kind = "LoKr weight-sized elementwise"
        elif name.startswith("aten::"):
            kind = "other elementwise and copies"
        else:
            kind = "the rest"
        kinds[kind] += event.self_cpu_time_total
    total = sum(kinds.values())
    return {kind: round(value / total, 3) for kind, value in kinds.items()}


def memory(device):
    """What was taken at most, MiB: of the GPU's memory, or of the host's."""
    if device == "cuda":
        return {"peak_gpu_mib": round(torch.cuda.max_memory_allocated() / 2**20, 1)}
    return {"peak_rss_mib": bench.peak_rss_mib()}


def report(args, config, rounds, parts, params, others):
    """The figures of one run, from the seconds of each round and of its four parts."""
    work = bench.useful_flop(config, args.px, args.adapt)
    seconds = bench.spread(rounds)
    total = sum(map(sum, zip(*parts)))
    samples = len(bench.LENGTHS)
    return {"what": "peer_step", "config": args.config, "layers": config["num_layers"], "px": args.px,
            "batch": args.batch, "dtype": args.dtype, "adapt": args.adapt, "lokr": args.lokr, "checkpointing": args.gc,
            "machine": bench.machine(), "others_cpu": others,
            "trainable": sum(p.numel() for p in params), "round_s": seconds,
            "steps_per_s": round(samples / args.batch / seconds["median"], 4),
            "images_per_s": round(samples / seconds["median"], 4),
            "useful_gflop_per_round": round(work["total"] / 1e9, 2),
            "gflops": round(work["total"] / 1e9 / seconds["median"], 2),
            "gflops_best": round(work["total"] / 1e9 / seconds["min"], 2), **memory(args.device),
            "share": dict(zip(("data", "forward", "backward", "optimizer"),
                              (round(sum(p) / total, 3) for p in zip(*parts))))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="tiny", help="name in bench_configs/ or a JSON file")
    parser.add_argument("--layers", type=int, help="override num_layers")
    parser.add_argument("--px", type=int, default=256, help="side of the square target, pixels")
    parser.add_argument("--batch", type=int, default=1, choices=(1, 2, 4))
    parser.add_argument("--dtype", choices=bench.DTYPES, default="fp32")
    parser.add_argument("--adapt", choices=("attention", "attention+mlp"), default="attention")
    parser.add_argument("--lokr", choices=("rebuild", "bypass"), default="rebuild", help="LyCORIS forward mode")
    parser.add_argument("--gc", action="store_true", help="gradient checkpointing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=2, help="steps not counted")
    parser.add_argument("--rounds", type=int, default=3, help="rounds counted; a round is four samples")
    parser.add_argument("--tokenizer", help="folder with tokenizer.json")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--bare", action="store_true", help="only torch is installed, see above")
    parser.add_argument("--profile", action="store_true", help="add shares by kind of work, from one more round")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.bare:
        import stand_ins
        stand_ins.install()
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: no GPU is visible")
    config = bench.load_config(args.config, args.layers)
    peer = Peer(config, args.px, args.batch, args.dtype, args.adapt, args.lokr == "bypass", args.gc, args.tokenizer,
                args.device, args.bare)
    bench.reset_peak()
    for _ in range(args.warmup):
        peer.step()
    others, steps, rounds, parts = bench.Others(), len(bench.LENGTHS) // args.batch, [], []
    for _ in range(args.rounds):
        measured = [peer.step() for _ in range(steps)]
        parts += measured
        rounds.append(sum(map(sum, measured)))
    result = report(args, config, rounds, parts, peer.params, others.share())
    if args.profile:
        result["profile"] = profile_round(peer.step, steps, config)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
