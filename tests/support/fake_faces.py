"""Faces a test can draw, a detector that finds them, and a network that lands on them.

A face is a disc in one bright colour on dark ground; its 68 landmarks are the mean shape
on the disc. So detection and alignment are exact, and what a test sees is the tracking.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from trainer.checkpoint import LoadedModel
from trainer.data.video_base import Video, VideoError
from trainer.detection import FaceBox
from trainer.geometry import CROP_SCALE, CropTransform
from trainer.models.rednet import AlignOutput
from trainer.models.temporal import TemporalState

RED, GREEN, BLUE = (250, 60, 60), (60, 250, 60), (60, 60, 250)
DISAGREEMENT = 0.02
_COLOURS = (RED, GREEN, BLUE)


def _mean_shape() -> np.ndarray:
    """(68, 2) landmarks in a box of about 1 x 1 around (0, 0)."""

    def arc(n: int, cx: float, cy: float, rx: float, ry: float, a: float, b: float) -> list:
        angles = np.radians(np.linspace(a, b, n))
        return [(cx + rx * np.cos(t), cy + ry * np.sin(t)) for t in angles]

    points = arc(17, 0, -0.2, 0.5, 0.7, 180, 0)
    points += arc(5, -0.23, -0.4, 0.17, 0.1, 180, 360) + arc(5, 0.23, -0.4, 0.17, 0.1, 180, 360)
    points += [(0, y) for y in np.linspace(-0.28, 0.0, 4)]
    points += arc(5, 0, 0.02, 0.1, 0.06, 180, 0)
    for x in (-0.2, 0.2):
        points += arc(6, x, -0.25, 0.1, 0.04, 180, 480)
    points += arc(12, 0, 0.22, 0.18, 0.1, 180, 510) + arc(8, 0, 0.22, 0.13, 0.05, 180, 495)
    return np.array(points, np.float32)


MEAN = _mean_shape()


def landmarks_at(x: float, y: float, side: float) -> np.ndarray:
    """(68, 2) landmarks of a face drawn there: box side ``side``, middle ``(x, y)``."""
    low, high = MEAN.min(axis=0), MEAN.max(axis=0)
    scale = side / (high - low).mean()
    return ((MEAN - (low + high) / 2) * scale + (x, y)).astype(np.float32)


def draw(image: np.ndarray, x: float, y: float, side: float, colour: tuple[int, ...]) -> None:
    """Put a face into an (H, W, 3) picture."""
    cv2.circle(image, (round(x), round(y)), round(side / 2), colour, -1)


class FakeVideo(Video):
    """``scenes[i]`` lists the faces (x, y, side, colour) of frame i; None can't be read."""

    def __init__(self, scenes: list, width: int = 320, height: int = 240, name: str = "fake"):
        self.path, self.name, self.warnings, self.frame_names = name, name, [], None
        self.scenes, self.n_frames, self.fps = scenes, len(scenes), 25.0
        self.width, self.height = width, height
        self.timestamps = np.arange(len(scenes)) / 25
        self.decoded: list[int] = []
        self.breaks_at: int | None = None

    def _frame(self, number: int) -> np.ndarray:
        if number == self.breaks_at:
            raise VideoError(f"{self.path}: frame {number} is damaged; copy the file again")
        image = np.full((self.height, self.width, 3), 20, np.uint8)
        for x, y, side, colour in self.scenes[number]:
            draw(image, x, y, side, colour)
        return image

    def _frames(self, numbers: range):
        for number in numbers:
            self.decoded.append(number)
            if self.scenes[number] is not None:
                yield number, self._frame(number)

    def reopen(self) -> FakeVideo:
        return self

    def run_start(self, number: int) -> int:
        return number

    def close(self) -> None:
        pass


def _masks(image: np.ndarray) -> list[np.ndarray]:
    """Where each of the colours is, as interpolation leaves it."""
    pixels = image.astype(int)
    return [np.abs(pixels - colour).max(axis=-1) < 60 for colour in _COLOURS]


class FakeDetector:
    """Finds every disc of more than 60 pixels, largest first; counts its calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def detect(self, image: np.ndarray) -> list[FaceBox]:
        self.calls.append(1)
        boxes = []
        for mask in _masks(image):
            if mask.sum() > 60:
                ys, xs = np.nonzero(mask)
                side = float(max(np.ptp(xs), np.ptp(ys)) + 1)
                x, y = (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2
                boxes.append(FaceBox(x - side / 2, y - side / 2, side, side, 0.9))
        return sorted(boxes, key=lambda box: -box.side)


class FakeNetwork:
    """Lands on the disc that has most pixels near the start; unsure where there is none.

    The LSTM's hidden state counts the frames it has seen.
    """

    def __init__(self) -> None:
        side = 1 / CROP_SCALE
        self.mean_shape = torch.from_numpy(landmarks_at(0.5, 0.5, side))
        self.batches: list[int] = []
        self.states: list[float] = []
        self.starts: list[np.ndarray | None] = []

    def align(self, images, start=None, *, state=None, steps=None) -> AlignOutput:
        crops = images.numpy()
        self.batches.append(len(crops))
        self.starts.append(None if start is None else start.numpy().copy())
        landmarks, confidence, identity = [], [], []
        for i, crop in enumerate(crops):
            near = np.zeros(crop.shape[:2], bool)
            points = (self.mean_shape.numpy() * 128 - 0.5) if start is None else start[i].numpy()
            x, y = (points.min(axis=0) + points.max(axis=0)) / 2
            yy, xx = np.ogrid[: crop.shape[0], : crop.shape[1]]
            near = (xx - x) ** 2 + (yy - y) ** 2 < 30**2
            masks = _masks(crop)
            best = max(range(len(masks)), key=lambda k: (masks[k] & near).sum())
            share = (masks[best] & near).sum() / near.sum()
            if share < 0.05:
                landmarks.append(points)
            else:
                ys, xs = np.nonzero(masks[best])
                side = max(np.ptp(xs), np.ptp(ys)) + 1.0
                middle = (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2
                landmarks.append(landmarks_at(*middle, side))
            confidence.append(np.full(68, min(1.0, share * 1.2)))
            identity.append(np.array(_COLOURS[best], np.float32) / 255 if share else np.zeros(3))
        seen = state.hidden if state is not None else torch.zeros(len(crops), 1)
        self.states.extend(seen[:, 0].tolist())
        points = torch.from_numpy(np.stack(landmarks).astype(np.float32))
        return AlignOutput(
            landmarks=points,
            per_step=points[None],
            regression=points,
            confidence=torch.from_numpy(np.stack(confidence).astype(np.float32)),
            support=torch.from_numpy(np.stack(confidence).astype(np.float32)),
            evidence=torch.zeros(len(crops), 68, 0),
            state=TemporalState(seen + 1, seen + 1),
            identity=torch.from_numpy(np.stack(identity).astype(np.float32)),
            disagreement=torch.full((len(crops),), DISAGREEMENT),
        )


def fake_loaded() -> LoadedModel:
    """The fake network where a loaded model is wanted."""
    return LoadedModel(FakeNetwork(), {}, "fake")


def crop_at(x: float, y: float, side: float) -> CropTransform:
    """The network's crop of a face drawn there."""
    return CropTransform.from_box(FaceBox(x - side / 2, y - side / 2, side, side))
