"""Make ``trainer/weights/MODEL.who.npz``: axes in which one person's videos are near.

``python scripts/make_who_axes.py DATA/ytf/train DATA/ytf/dev`` learns them from the people of
the first folder, prints how often a video of the second is nearest to another one of the same
person, and writes the file. It takes some minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from scipy.linalg import eigh

from trainer.alignment import SequentialAligner
from trainer.checkpoint import load_model
from trainer.data.pts import read_pts
from trainer.face_network import FaceNetwork
from trainer.who import AXES_FOLDER, AXES_SUFFIX, SURE

FRAMES, AXES, SMOOTHING = 4, 64, 0.01
"""Frames of each video, axes that are kept, and how much the scatter is evened out."""


def codes(
    model: str, folder: Path, frames: int, step: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, E) codes of stills, (N,) whose they are, (N,) which video they are of."""
    aligner = SequentialAligner(load_model(model), device="cpu")
    network = FaceNetwork(aligner.runner, aligner.scheme)
    found: list[tuple[np.ndarray, str, str]] = []
    for person in sorted(path for path in folder.iterdir() if path.is_dir())[::step]:
        for video in sorted(path for path in person.iterdir() if path.is_dir()):
            for picture in sorted(video.glob("*.jpg"))[:frames]:
                image = np.ascontiguousarray(iio.imread(picture)[..., :3])
                landmarks = read_pts(picture.with_suffix(".pts"), 68).astype(np.float32)
                (seen,) = network.follow(image, [landmarks], [None])
                found.append((seen.identity, person.name, f"{person.name}/{video.name}"))
    values, people, videos = zip(*found, strict=True)
    return np.array(values, np.float64), np.array(people), np.array(videos)


def learn(values: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and linear discriminant axes."""
    mean = values.mean(axis=0)
    centres = {person: (values[people == person] - mean).mean(axis=0) for person in set(people)}
    rest = values - mean - np.array([centres[person] for person in people])
    within = rest.T @ rest / len(rest)
    within += SMOOTHING * np.trace(within) / len(within) * np.eye(len(within))
    _, axes = eigh(np.cov(np.array(list(centres.values())).T), within)
    return mean, axes[:, ::-1][:, :AXES]


def main() -> None:
    """Learn, measure, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--model", default="red-lite", help="name of a model that ships")
    parser.add_argument(
        "--sure", type=float, default=SURE, help="likeness from which two may be one person"
    )
    parser.add_argument("--step", type=int, default=1, help="every so many people to learn from")
    chosen = parser.parse_args()
    mean, axes = learn(*codes(chosen.model, chosen.train, FRAMES, chosen.step)[:2])
    values, people, videos = codes(chosen.model, chosen.test, FRAMES, 1)
    names = sorted(set(videos))
    owners = np.array([people[videos == name][0] for name in names])
    placed = np.array([values[videos == name].mean(axis=0) - mean for name in names]) @ axes
    placed /= np.linalg.norm(placed, axis=1, keepdims=True)
    near = placed @ placed.T
    np.fill_diagonal(near, -2)
    right = owners[near.argmax(axis=1)] == owners
    sure = near.max(axis=1) > chosen.sure
    print(f"{len(names)} videos of {len(set(owners))} people: nearest is right {right.mean():.3f}")
    print(f"above {chosen.sure}: {sure.mean():.3f} of them, right {right[sure].mean():.3f}")
    file = AXES_FOLDER / f"{Path(chosen.model).stem}{AXES_SUFFIX}"
    np.savez_compressed(
        file, mean=mean.astype(np.float32), axes=axes.astype(np.float16), sure=chosen.sure
    )


if __name__ == "__main__":
    main()
