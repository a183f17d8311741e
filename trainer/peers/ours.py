"""Our aligner in a process of its own, so that its speed and memory are measured like a peer's.

``python -m trainer.peers.ours VIDEO --model M --frames N --threads T`` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from trainer.alignment import SequentialAligner
from trainer.checkpoint import load_model
from trainer.data.video import open_video
from trainer.peers.memory_video import MemoryVideo
from trainer.peers.worker import peak_rss

WARM_UP = 5
"""First frames that don't count: something is always still being loaded."""


def measure(video: Path, model: str, frames: int, threads: int) -> dict[str, Any]:
    """Milliseconds a frame without decoding, and the most memory held without the pictures.

    The aligner has one video of ``WARM_UP`` frames to itself before the clock starts.
    """
    with open_video(video) as source:
        pictures = [picture for _, picture in source.frames(0, frames)]
    loaded = load_model(model)
    aligner = SequentialAligner(loaded, device="cpu", threads=threads)
    aligner.warm_up(pictures[0])
    for _ in aligner.run(MemoryVideo(pictures[:WARM_UP])):
        pass
    begin = time.perf_counter()
    found = list(aligner.run(MemoryVideo(pictures)))
    wall = time.perf_counter() - begin
    peak = peak_rss()
    return {
        "landmarks_ms": 1000 * sum(frame.seconds["network"] for frame in found) / len(found),
        "whole_ms": 1000 * wall / len(found),
        "faces": sum(frame.boxes[0] is not None for frame in found),
        "peak_rss": None if peak is None else peak - sum(picture.nbytes for picture in pictures),
        "parameters": sum(p.numel() for p in loaded.model.parameters()),
        "precision": aligner.runner.precision,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", default="red-lite")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(measure(given.video, given.model, given.frames, given.threads)))


if __name__ == "__main__":
    main()
