// The program that hands a run's records to the official W&B client, as the text of a Python file:
// the client exists in Python only. It is written beside the records, so that it can be run later
// and elsewhere.
#pragma once

namespace omnigen::train {

inline constexpr const char* kWandbFeed =
    R"py("""Hands the records in this folder to the official W&B client, each once.

    python3 feed.py            what has not been handed over yet
    python3 feed.py --follow   and what is added until standard input ends
"""
import json
import os
import select
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
POLL_SECONDS = 1.0
NO_CLIENT, NOT_STARTED = 2, 3


def path(name):
    return os.path.join(FOLDER, name)


def read_json(name, otherwise):
    try:
        with open(path(name), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return otherwise


def remember(offset):
    with open(path("fed.json.tmp"), "w", encoding="utf-8") as file:
        json.dump({"bytes": offset}, file)
    os.replace(path("fed.json.tmp"), path("fed.json"))


def fail(code, message):
    print(message, flush=True)
    sys.exit(code)


def start():
    try:
        import wandb
    except ImportError as error:
        fail(NO_CLIENT, f"the W&B client is not installed ({error}); pip install wandb")
    settings = read_json("run.json", {})
    try:
        run = wandb.init(project=settings["project"], name=settings["name"], id=settings["id"], resume="allow",
                         dir=os.path.dirname(FOLDER))
        run.config.update(settings["config"], allow_val_change=True)
    except Exception as error:
        fail(NOT_STARTED, f"W&B did not start: {error}")
    return wandb, run


def hand_over(wandb, run, record):
    values = dict(record.get("values", {}))
    for image in record.get("images", []):
        picture = wandb.Image(path(image["file"]), caption=image["caption"])
        values.setdefault(image["tag"], []).append(picture)
    run.log(values, step=record["step"])


def feed(wandb, run, offset):
    with open(path("records.jsonl"), "rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                break
            hand_over(wandb, run, json.loads(line))
            offset += len(line)
    remember(offset)
    return offset


def input_ended():
    ready, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
    return bool(ready) and not os.read(sys.stdin.fileno(), 4096)


def main():
    wandb, run = start()
    offset = read_json("fed.json", {}).get("bytes", 0)
    ended = "--follow" not in sys.argv
    offset = feed(wandb, run, offset)
    while not ended:
        ended = input_ended()
        offset = feed(wandb, run, offset)
    run.finish()


main()
)py";

}  // namespace omnigen::train
