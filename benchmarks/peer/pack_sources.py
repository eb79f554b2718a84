#!/usr/bin/env python3
"""Copies the Python sources that peer_step.py --bare really imports from SITE into FOLDER, by running a step of each kind.

  PYTHONPATH=SITE pack_sources.py SITE FOLDER        SITE: a folder of packages, beside a Python with torch alone
"""
import shutil
import sys
from pathlib import Path

import peer_step

KINDS = (["--lokr", "bypass", "--adapt", "attention+mlp"], ["--lokr", "rebuild", "--gc", "--dtype", "bf16"])


def main():
    site, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for kind in KINDS:
        sys.argv = ["peer_step.py", "--bare", "--config", "tiny", "--px", "64", "--rounds", "1", "--warmup", "0", *kind]
        peer_step.main()
    files = {Path(m.__file__) for m in sys.modules.values() if (getattr(m, "__file__", None) or "").startswith(str(site))}
    for file in files:
        target = folder / file.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    print(f"{len(files)} sources of {', '.join(sorted({f.relative_to(site).parts[0] for f in files}))}")


if __name__ == "__main__":
    main()
