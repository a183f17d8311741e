"""Error, jitter and time of the ways to align a face: spatial steps, mirror picture.

    python scripts/measure_steps.py MODEL --stills DIR … --only NAMES --videos DIR … --time

Stills: from the box of the truth, from the detector's, and as tracked, from the answer
moved as a face moves between two frames. Videos: followed from their first frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from trainer.calibration_data import TRACKED, VIDEO, observe_stills
from trainer.checkpoint import LoadedModel, load_model
from trainer.data.stills import find_stills, read_names
from trainer.data.video_sets import AnnotatedVideo, find_annotated_videos
from trainer.detection import default_detector
from trainer.devices import Runner, torch_threads
from trainer.evaluate import evaluate
from trainer.face_network import FaceNetwork
from trainer.geometry import FaceBox
from trainer.metrics import interocular
from trainer.scheme import scheme_for

WAYS = [(steps, mirrored) for mirrored in (False, True) for steps in (1, 2, 3)]


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--stills", type=Path, nargs="*", default=[])
    parser.add_argument("--videos", type=Path, nargs="*", default=[])
    parser.add_argument("--only", type=Path)
    parser.add_argument("--box", nargs="*", default=["truth", "tracked"])
    parser.add_argument("--frames", type=int, default=10**9, help="of each video, at most")
    parser.add_argument("--time", action="store_true")
    options = parser.parse_args()
    loaded = load_model(options.model)
    config = loaded.model.config
    names = read_names(options.only) if options.only else None
    if options.time:
        for threads in (1, 2):
            for (steps, mirrored), seconds in times(loaded, threads).items():
                print(
                    f"{threads} threads, {name(steps, mirrored)}: {1000 * seconds:.1f} ms",
                    flush=True,
                )
    sets = {}
    for folder in options.stills:
        stills = find_stills(folder)
        if names is not None and any(still.group in names for still in stills):
            stills = [still for still in stills if still.group in names]
        sets[folder] = stills
    for steps, mirrored in WAYS:
        way = name(steps, mirrored)
        for folder, stills in sets.items():
            for box in options.box:
                loaded.model.config = replace(config, mirrored=mirrored)
                if box == "tracked":
                    loaded.model.config = replace(loaded.model.config, tracked_steps=steps)
                    seen = observe_stills(loaded, stills, folder.name)
                    errors = seen.errors[seen.ways == TRACKED].mean(axis=1)
                else:
                    loaded.model.config = replace(loaded.model.config, steps=steps)
                    detector = default_detector() if box == "detector" else None
                    errors = evaluate(loaded, stills, detector=detector).errors
                    errors = errors[np.isfinite(errors)]
                print(
                    f"{folder}, {box}, {way}: NME {errors.mean():.3f} ({len(errors)})", flush=True
                )
        loaded.model.config = replace(config, mirrored=mirrored, tracked_steps=steps)
        for folder in options.videos:
            nme, shake = [], []
            for video in find_annotated_videos(folder):
                errors, change = followed(loaded, video, options.frames)
                nme.append(errors)
                shake.append(change)
            print(
                f"{folder}, {VIDEO}, {way}: NME {np.concatenate(nme).mean():.3f}, "
                f"jitter {np.concatenate(shake).mean():.3f} ({len(nme)} videos)",
                flush=True,
            )
        loaded.model.config = config


def name(steps: int, mirrored: bool) -> str:
    """A way in words."""
    return f"{steps} step{'s' if steps > 1 else ''}{' mirrored' if mirrored else ''}"


def followed(
    loaded: LoadedModel, video: AnnotatedVideo, frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """NME of each frame, and how much each frame's error vectors differ from the last's.

    Both in per cent of the interocular distance.
    """
    pairs = list(_frames(loaded, video, frames))
    found, truth = (np.stack(column) for column in zip(*pairs, strict=True))
    error = 100 * (found - truth) / interocular(truth)[:, None, None]
    change = np.linalg.norm(np.diff(error, axis=0), axis=-1).mean(axis=-1)
    return np.linalg.norm(error, axis=-1).mean(axis=-1), change


def _frames(
    loaded: LoadedModel, video: AnnotatedVideo, frames: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    runner = Runner(loaded.model, torch.device("cpu"), "fp32")
    network = FaceNetwork(runner, scheme_for(loaded.model.config.n_landmarks))
    face = None
    for number, image in video.frames(sorted(video.annotations)[:frames]):
        truth = video.landmarks(number, loaded.model.config.n_landmarks)
        if face is None:
            (face,) = network.start(image, [FaceBox.around(truth)], around_landmarks=True)
        else:
            (face,) = network.follow(image, [face.landmarks], [face.state])
        yield face.landmarks, truth


def times(loaded: LoadedModel, threads: int, rounds: int = 15) -> dict[tuple[int, bool], float]:
    """Best seconds of one face by way, in turn, in the precision that is fastest here."""
    images = torch.randint(0, 256, (1, 128, 128, 3), dtype=torch.uint8)
    config, best = loaded.model.config, dict.fromkeys(WAYS, float("inf"))
    with torch_threads(threads):
        runner = Runner(loaded.model, torch.device("cpu"))
        start = runner.model.mean_start(1)
        print(f"{threads} threads: {runner.precision}")
        for _ in range(rounds):
            for steps, mirrored in WAYS:
                runner.model.config = replace(config, tracked_steps=steps, mirrored=mirrored)
                runner.tracked_steps = steps
                begin = time.perf_counter()
                runner.align(images, start, None, tracked=True)
                best[steps, mirrored] = min(best[steps, mirrored], time.perf_counter() - begin)
    return best


if __name__ == "__main__":
    main()
