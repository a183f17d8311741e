"""Small sets on disk: drawn faces as stills, and moving ones in 300-VW's layout."""

from dataclasses import replace

import cv2
import fake_faces
import numpy as np
import pytest

from trainer.data.pts import write_pts
from trainer.experiments import training

COLOURS = (fake_faces.RED, fake_faces.GREEN, fake_faces.BLUE)


def picture(x, y, side, colour):
    image = np.full((100, 120, 3), 30, np.uint8)
    fake_faces.draw(image, x, y, side, colour)
    points = fake_faces.landmarks_at(x, y, side)
    for px, py in points.round().astype(int):
        cv2.circle(image, (int(px), int(py)), 1, (255, 255, 255), -1)
    return image, points


def still(folder, name, number):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    x, y = rng.uniform(50, 70), rng.uniform(40, 60)
    image, points = picture(x, y, rng.uniform(30, 50), COLOURS[number % 3])
    cv2.imwrite(str(folder / f"{name}.png"), image[..., ::-1])
    write_pts(folder / f"{name}.pts", points)


@pytest.fixture
def stills(tmp_path):
    """ytf/ and helen/ with a dozen faces to train on and some set aside."""
    data = tmp_path / "data"
    for person in range(6):
        for frame in range(2):
            still(data / "ytf" / "train" / f"P{person}", f"{frame:06d}", 10 * person + frame)
        still(data / "ytf" / "dev" / f"Q{person}", "000000", 100 + person)
    still(data / "helen" / "trainset", "100466187_1", 200)  # is in set_aside.txt
    still(data / "helen" / "trainset", "1_1", 201)
    return data


@pytest.fixture
def heads(tmp_path):
    """train/ and test/ with two people each, a clip of twelve frames of a moving face each."""
    folder = tmp_path / "heads"
    for part in ("train", "test"):
        for person in range(2):
            clip = folder / part / f"{part}{person}" / "clip000"
            (clip / "annot").mkdir(parents=True)
            for frame in range(12):
                image, points = picture(55 + frame, 50, 40, COLOURS[person])
                cv2.imwrite(str(clip / f"{frame + 1:06d}.png"), image[..., ::-1])
                write_pts(clip / "annot" / f"{frame + 1:06d}.pts", points)
            np.savez(
                clip / "truth.npz",
                yaw=np.linspace(-60, 60, 12),
                setting="common" if person == 0 else "challenging",
            )
    return folder


@pytest.fixture
def tiny_workshop(tmp_path, monkeypatch):
    """A narrower network and smaller batches (four stills, two clips), for a few passes."""
    stages = tuple(replace(s, batch=b) for s, b in zip(training._TUNING, (4, 4, 2), strict=True))
    monkeypatch.setattr(training, "_TUNING", stages)
    network = replace(training.SMALL.network, width=0.0625)
    train = replace(training.SMALL.train, stages=stages)
    monkeypatch.setattr(training, "SMALL", replace(training.SMALL, network=network, train=train))
    return training.Workshop(tmp_path / "work")


@pytest.fixture
def drawn_heads(tmp_path):
    """What rendering would leave in tmp_path / "work": four people, one of them for tests."""
    (tmp_path / "work").mkdir()
    for split, people, count in (("train", 3, 12), ("test", 1, 24)):
        pairs = [picture(60, 50, 36 + n % 8, COLOURS[n % 3]) for n in range(people * count)]
        np.savez(
            tmp_path / "work" / f"heads-{split}-4-{count}.npz",
            images=np.stack([image for image, _ in pairs]),
            landmarks=np.stack([points for _, points in pairs]),
            yaw=np.linspace(-80, 80, people * count),
            person=np.arange(people * count) // count,
        )
    return tmp_path / "work"
