#!/usr/bin/env python3
"""Trains the quickstart's tokenizer: byte-pair pieces in the file format of OmniGen's; a development script, not part of the product.

    python make_tokenizer.py --like FOLDER --text FILE --output FOLDER

--like: OmniGen-v1's tokenizer (normaliser, template, special tokens are taken from it); --text: one caption a line. Any text
can be encoded: what is not a piece becomes bytes. Needs the package `tokenizers`.
"""
import argparse
import json
import pathlib
import shutil

from tokenizers import Tokenizer, models, normalizers, trainers

INSTRUCTION = "Generate an image according to the following instructions"  # before every prompt, in words of its own
TEMPLATE = "<|user|>\n" + INSTRUCTION + "\n{}<|end|>\n<|assistant|>\n<|diffusion|>"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--like", required=True, type=pathlib.Path)
    parser.add_argument("--text", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--pieces", type=int, default=300)
    options = parser.parse_args()
    like = json.loads((options.like / "tokenizer.json").read_text())
    lines = options.text.read_text().splitlines()
    lines += [INSTRUCTION] * len(lines)

    base = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    from tokenizers import pre_tokenizers
    trained.pre_tokenizer = pre_tokenizers.Metaspace()  # while training: no piece spans two words
    trained.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=options.pieces, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    letters = [chr(code) for code in range(32, 127)] + ["\u2581"]
    pieces = [piece for piece, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    vocab = {}
    for piece in base + [piece for piece in letters + pieces if piece != " "]:
        vocab.setdefault(piece, len(vocab))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    for pair in merges:
        for piece in pair.split(" ") + [pair.replace(" ", "")]:
            vocab.setdefault(piece, len(vocab))

    result = dict(like)
    result["model"] = dict(like["model"], vocab=vocab, merges=merges)
    result["added_tokens"] = []
    for token in like["added_tokens"]:
        id = vocab.get(token["content"])
        if id is None:
            id = len(vocab) + sum(entry["id"] >= len(vocab) for entry in result["added_tokens"])
        result["added_tokens"].append(dict(token, id=id))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "tokenizer.json").write_text(json.dumps(result, ensure_ascii=False, indent=1))
    shutil.copy(options.like / "tokenizer_config.json", options.output)
    ids = Tokenizer.from_str(json.dumps(result)).encode(TEMPLATE.format(lines[0]))
    print(max(token["id"] for token in result["added_tokens"]) + 1, "ids;", ids.tokens)


if __name__ == "__main__":
    main()
