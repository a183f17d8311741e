"""Makes trainer/weights/replay.npz: rendered heads that fine-tuning replays and is tested on.

    .venv/bin/python scripts/make_replay.py [FILE]

Needs ``napari-red[heads]``; takes half a minute.
"""

import sys
from pathlib import Path

from trainer.replay import REPLAY_FILE, make_replay

path = Path(sys.argv[1]) if len(sys.argv) > 1 else REPLAY_FILE
trained, gate = make_replay(path)
print(f"{path}: {trained} faces to train on, {gate} to test on, {path.stat().st_size / 1e6:.1f} MB")
