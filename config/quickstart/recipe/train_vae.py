#!/usr/bin/env python3
"""Trains the quickstart's AutoencoderKL on endless drawings of flat shapes; a development script, not part of the product.

    python train_vae.py --output DIR --minutes 30 [--resume]

Writes DIR/vae (diffusers layout, bf16) and DIR/state.pt, from which --resume goes on. Needs torch, diffusers, safetensors.
The drawings: flat shapes in the colours of `omnigen-cache draw`, any number, size and overlap, cut to --size pixels. The loss is the squared
error of pixels in [-1, 1], a fiftieth of the absolute error and a small Kullback-Leibler term; the weights saved are the moving average.
"""
import argparse
import math
import os
import time

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

CHANNELS = (16, 32, 64, 64)
# What `omnigen-cache draw` paints with: colours of shapes, then colours of grounds.
PALETTE = torch.tensor([
    [208, 40, 40], [236, 132, 32], [240, 208, 48], [48, 160, 72], [44, 92, 212], [136, 64, 176], [244, 244, 244], [24, 24, 28],
    [132, 132, 132], [176, 212, 240], [228, 212, 176], [240, 176, 196], [84, 60, 44]], dtype=torch.float32) / 127.5 - 1


def make_vae():
    vae = AutoencoderKL(
        block_out_channels=CHANNELS, layers_per_block=1, latent_channels=4, norm_num_groups=8, sample_size=128,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    for name, parameter in vae.named_parameters():  # every residual branch begins as nothing: the net begins as linear
        if name.endswith("conv2.weight") or name.endswith("to_out.0.weight"):
            torch.nn.init.zeros_(parameter)
    with torch.no_grad():  # and the latent begins almost without noise
        vae.quant_conv.weight.copy_(torch.eye(8)[:, :, None, None])
        vae.quant_conv.bias[4:] = -5
        vae.post_quant_conv.weight.copy_(torch.eye(4)[:, :, None, None])
    return vae


def polygon_distance(p, corners):
    """p [..., 2], corners [K, n, 2] broadcast over the leading K of p [K, H, W, 2]: signed distance, inside negative."""
    distance = None
    inside = torch.zeros(p.shape[:-1], dtype=torch.bool)
    n = corners.shape[1]
    for i in range(n):
        a, b = corners[:, i, None, None, :], corners[:, (i + 1) % n, None, None, :]
        edge, w = b - a, p - a
        t = ((w * edge).sum(-1) / (edge * edge).sum(-1).clamp_min(1e-9)).clamp(0, 1)
        d = (w - edge * t[..., None]).square().sum(-1)
        distance = d if distance is None else torch.minimum(distance, d)
        crosses = (a[..., 1] > p[..., 1]) != (b[..., 1] > p[..., 1])
        x = edge[..., 0] * (p[..., 1] - a[..., 1]) / torch.where(edge[..., 1] == 0, torch.ones(()), edge[..., 1]) + a[..., 0]
        inside ^= crosses & (p[..., 0] < x)
    return torch.where(inside, -distance.sqrt(), distance.sqrt())


def outline(kind):
    """Corners [1, n, 2] of a shape of radius 1."""
    def ring(n, radii, start):
        angle = start + torch.arange(n) * 2 * math.pi / n
        return torch.stack([radii * angle.cos(), radii * angle.sin()], -1)[None]
    if kind == "square":
        return ring(4, torch.ones(4) * 0.9 * math.sqrt(2), math.pi / 4)
    if kind == "triangle":
        return ring(3, torch.ones(3) * 1.2, -math.pi / 2)
    if kind == "star":
        return ring(10, torch.tensor([1.2, 0.5] * 5), -math.pi / 2)
    a, b = 0.36, 1.05  # cross
    return torch.tensor([[[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a],
                          [-a, -a]]])


def draw(count, size, generator):
    """[count, 3, size, size] in [-1, 1]."""
    rand = lambda *shape: torch.rand(*shape, generator=generator)
    def colours(n):
        named = PALETTE[torch.randint(len(PALETTE), (n,), generator=generator)]
        return (named + (rand(n, 3) - 0.5) * 0.1).clamp(-1, 1)[:, :, None, None]
    axis = torch.arange(size) + 0.5
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)  # [H, W, 2] as x, y
    image = colours(count).expand(count, 3, size, size).clone()
    for layer in range(2):
        for kind in ("circle", "square", "triangle", "star", "cross"):
            chosen = (rand(count) < (0.25 if layer == 0 else 0.1)).nonzero().squeeze(1)
            n = len(chosen)
            if n == 0:
                continue
            centre = rand(n, 1, 1, 2) * (size + 24) - 12
            radius = 10 + 28 * rand(n, 1, 1)
            p = (grid - centre) / radius[..., None]
            d = p.square().sum(-1).sqrt() - 1 if kind == "circle" else polygon_distance(p, outline(kind))
            alpha = (0.5 - d * radius).clamp(0, 1)[:, None]
            image[chosen] = image[chosen] * (1 - alpha) + colours(n) * alpha
    return image


def save(vae, folder, scaling):
    vae.register_to_config(scaling_factor=scaling)
    vae.to(torch.bfloat16).save_pretrained(folder)
    vae.float()


def psnr(x, y):
    return -10 * math.log10(((x - y.clamp(-1, 1)) / 2).square().mean().item())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    os.makedirs(options.output, exist_ok=True)
    generator = torch.Generator().manual_seed(2)
    vae = make_vae()
    ema = {k: v.detach().clone() for k, v in vae.state_dict().items()}
    optimizer = torch.optim.AdamW(vae.parameters(), lr=options.lr, betas=(0.9, 0.98), weight_decay=0.01)
    image = draw(options.batch, options.size, generator)
    state = {"step": 0, "seconds": 0.0}
    path = os.path.join(options.output, "state.pt")
    if options.resume:
        saved = torch.load(path)
        vae.load_state_dict(saved["vae"]); optimizer.load_state_dict(saved["optimizer"]); ema = saved["ema"]
        state = saved["state"]; generator.set_state(saved["generator"])
    print(sum(p.numel() for p in vae.parameters()), "parameters", flush=True)
    held_out = draw(64, 128, torch.Generator().manual_seed(3))
    total, last = options.minutes * 60, time.time()
    saved_at = state["seconds"]

    def finish_part():
        live = {k: v.clone() for k, v in vae.state_dict().items()}
        vae.load_state_dict(ema)
        with torch.no_grad():
            mean = torch.cat([vae.encode(part).latent_dist.mean for part in held_out.split(8)])
            decoded = torch.cat([vae.decode(part).sample for part in mean.split(8)])
            scaling = 1 / mean.std().item()
            noisy = torch.cat([vae.decode(part + 0.1 / scaling * torch.randn_like(part)).sample for part in mean.split(8)])
        print(f"step {state['step']} {state['seconds']:.0f} s: PSNR {psnr(held_out, decoded):.2f} dB, "
              f"with latent noise 0.1 {psnr(held_out, noisy):.2f} dB, scaling {scaling:.4f}", flush=True)
        save(vae, os.path.join(options.output, "vae"), scaling)
        vae.load_state_dict(live)
        torch.save({"vae": live, "ema": ema, "optimizer": optimizer.state_dict(), "state": state,
                    "generator": generator.get_state()}, path + ".tmp")
        os.replace(path + ".tmp", path)

    while state["seconds"] < total:
        share = state["seconds"] / total
        rate = options.lr * min(1, (state["step"] + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        if state["step"] % 3 == 0:
            image = draw(options.batch, options.size, generator)
        else:  # a drawing serves three times, moved about
            image = image.roll(tuple(torch.randint(options.size, (2,), generator=generator).tolist()), (2, 3))
            image = image[torch.randperm(options.batch, generator=generator)]
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(image).latent_dist
            decoded = vae.decode(posterior.sample()).sample
        error = (decoded.float() - image).square().mean()
        kl = posterior.kl().sum() / posterior.mean.numel()
        loss = error + 0.02 * (decoded.float() - image).abs().mean() + 1e-4 * kl
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        state["step"] += 1
        decay = min(0.999, (1 + state["step"]) / (10 + state["step"]))
        with torch.no_grad():
            for key, value in vae.state_dict().items():
                ema[key].lerp_(value, 1 - decay)
        now = time.time()
        state["seconds"] += now - last
        last = now
        if state["step"] % 50 == 0:
            print(f"step {state['step']} {state['seconds']:.0f} s: error {error.item():.5f} "
                  f"({-10 * math.log10(error.item() / 4):.2f} dB), kl {kl.item():.3f}, lr {rate:.2e}", flush=True)
        if state["seconds"] - saved_at > 240:
            saved_at = state["seconds"]
            finish_part()
            last = time.time()
    finish_part()


if __name__ == "__main__":
    main()
