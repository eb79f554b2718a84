#!/usr/bin/env python3
"""The Python peer's caching rate: JPEG -> pixels (Pillow, torchvision) -> VAE latents -> one .pt file per image.

Per image as SimpleTuner caches: decode, resize the shorter side, centre crop, to [-1, 1]; per batch one AutoencoderKL
encode with a posterior sample; per sample one torch.save. JPEGs are synthesised once from --photos (crops, long side
about --source-px, quality 92) into a temporary folder. Also: captions tokenised and saved per second.
Prints one JSON object: images per second of the whole path and of the VAE alone on ready tensors, seconds per part.

  peer_cache.py --vae small --px 256 --dtype fp32 --images 16 --threads 2
"""
import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image

import bench_common as bench

VAES = {"sdxl": (128, 256, 512, 512), "small": (32, 64, 128, 128)}


def build_vae(name, dtype):
    """The SDXL autoencoder's architecture with random weights; "small" has a quarter of its channels."""
    from diffusers import AutoencoderKL
    torch.manual_seed(0)
    return AutoencoderKL(in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * 4,
                         up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=VAES[name], layers_per_block=2,
                         latent_channels=4, norm_num_groups=32, sample_size=1024,
                         scaling_factor=0.13025).to(dtype).eval().requires_grad_(False)


def synthesise(folder, photos, count, side):
    """`count` JPEGs of different crops of the photos, long side about `side` px; returns the files."""
    sources = [Image.open(p).convert("RGB") for p in sorted(Path(photos).iterdir())
               if p.suffix.lower() in (".jpg", ".jpeg", ".png")]
    files = []
    for i in range(count):
        image = sources[i % len(sources)]
        shift = 0.1 * (i // len(sources) % 5) / 5
        w, h = image.size
        image = image.crop((int(shift * w), int(shift * h), w, h))
        scale = side / max(image.size)
        files.append(Path(folder) / f"{i:05d}.jpg")
        image.resize([max(16, round(s * scale)) for s in image.size], Image.LANCZOS).save(files[-1], quality=92)
    return files


def load_pixels(file, px):
    """One image as a [3, px, px] tensor in [-1, 1]."""
    from torchvision.transforms import functional as tv
    image = Image.open(file).convert("RGB")
    image = tv.center_crop(tv.resize(image, px, interpolation=tv.InterpolationMode.LANCZOS), [px, px])
    return tv.normalize(tv.to_tensor(image), [0.5] * 3, [0.5] * 3)


@torch.inference_mode()
def encode(vae, pixels):
    """Scaled latents of one batch, a posterior sample."""
    return vae.encode(pixels.to(vae.dtype)).latent_dist.sample() * vae.config.scaling_factor


def cache_images(vae, files, px, batch, out):
    """Caches every file; returns seconds of (load and transform, VAE, save)."""
    seconds = [0.0, 0.0, 0.0]
    for start in range(0, len(files), batch):
        part = files[start:start + batch]
        t0 = time.perf_counter()
        pixels = torch.stack([load_pixels(file, px) for file in part])
        t1 = time.perf_counter()
        latents = encode(vae, pixels)
        t2 = time.perf_counter()
        for file, latent in zip(part, latents):
            torch.save(latent.clone(), Path(out) / f"{file.stem}.pt")
        t3 = time.perf_counter()
        seconds = [s + d for s, d in zip(seconds, (t1 - t0, t2 - t1, t3 - t2))]
    return seconds


def captions_per_second(tokenizer, out, count=400):
    """Captions tokenised in the training template and saved, one .pt each, per second."""
    from diffusers.pipelines.omnigen.processor_omnigen import OmniGenMultiModalProcessor
    from transformers import AutoTokenizer
    processor = OmniGenMultiModalProcessor(AutoTokenizer.from_pretrained(str(tokenizer)), max_image_size=1024)
    start = time.perf_counter()
    for i in range(count):
        text = f"photo number {i} of a dog on the grass, soft morning light, shallow depth of field"
        torch.save(processor.process_multi_modal_prompt(text, input_images=None)["input_ids"], Path(out) / f"c{i}.pt")
    return count / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", choices=VAES, default="small")
    parser.add_argument("--px", type=int, default=256)
    parser.add_argument("--dtype", choices=bench.DTYPES, default="fp32")
    parser.add_argument("--batch", type=int, default=1, help="images per VAE call (the quick start uses 1)")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--source-px", type=int, default=1024, help="long side of the JPEGs, pixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--photos", required=True, help="folder of intact JPEG or PNG photographs")
    parser.add_argument("--tokenizer", default=str(bench.TOKENIZER))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    vae = build_vae(args.vae, bench.DTYPES[args.dtype])
    with tempfile.TemporaryDirectory() as jpegs, tempfile.TemporaryDirectory() as out:
        files = synthesise(jpegs, args.photos, args.images, args.source_px)
        cache_images(vae, files[:args.batch], args.px, args.batch, out)
        bench.reset_peak()
        others, whole, parts, alone = bench.Others(), [], [], []
        pixels = torch.stack([load_pixels(file, args.px) for file in files[:args.batch]])
        for _ in range(args.repeats):
            parts.append(cache_images(vae, files, args.px, args.batch, out))
            whole.append(sum(parts[-1]))
            start = time.perf_counter()
            for _ in range(0, len(files), args.batch):
                encode(vae, pixels)
            alone.append(time.perf_counter() - start)
        size = sum(f.stat().st_size for f in files) / len(files)
        captions = captions_per_second(args.tokenizer, out)
    whole_s, alone_s = bench.spread(whole), bench.spread(alone)
    total = sum(map(sum, parts))
    print(json.dumps({"what": "peer_cache", "vae": args.vae, "px": args.px, "dtype": args.dtype, "batch": args.batch,
                      "machine": bench.machine(), "others_cpu": others.share(), "images": args.images,
                      "jpeg_bytes": round(size), "run_s": whole_s, "vae_only_s": alone_s,
                      "images_per_s": round(args.images / whole_s["median"], 3),
                      "vae_only_images_per_s": round(args.images / alone_s["median"], 3),
                      "share_of_vae_only": round(alone_s["median"] / whole_s["median"], 3),
                      "share": dict(zip(("decode_and_transform", "vae", "save"),
                                        (round(sum(p) / total, 4) for p in zip(*parts)))),
                      "captions_per_s": round(captions), "peak_rss_mib": bench.peak_rss_mib()}))


if __name__ == "__main__":
    main()
