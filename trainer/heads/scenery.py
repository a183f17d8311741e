"""What is around a head: backdrops, light, clothes, things in front, the camera's faults."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from trainer.heads.motion import Wander
from trainer.heads.renderer import Blob, Light


def backdrop(rng: np.random.Generator, side: int) -> np.ndarray:
    """(side, side, 3) uint8: gradients, blurred shapes, something like rooms."""
    base = rng.uniform(20, 235, 3) * rng.uniform(0.5, 1) + rng.normal(0, 10, (2, 2, 3))
    base = base + rng.normal(0, 30, (2, 2, 1))
    picture = cv2.resize(base.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    kinds = ["plain", "shapes", "room", "patches", "clutter"]
    kind = rng.choice(kinds, p=[0.15, 0.2, 0.3, 0.15, 0.2])
    if kind == "patches":
        for cells in (4, 9, 24, 60):
            noise = rng.normal(0, 22, (cells, cells, 3)).astype(np.float32)
            picture = picture + cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    elif kind in ("shapes", "clutter"):
        for _ in range(int(rng.integers(6, 60 if kind == "clutter" else 18))):
            colour = (rng.uniform(0, 255, 3)).tolist()
            middle = rng.uniform(0, side, 2).astype(int).tolist()
            radius = int(side * rng.uniform(0.02, 0.22))
            if rng.random() < 0.5:
                cv2.circle(picture, middle, radius, colour, -1)
            else:
                corners = (np.array(middle) + rng.normal(0, radius, (4, 2))).astype(np.int32)
                cv2.fillConvexPoly(picture, cv2.convexHull(corners), colour)
    elif kind == "room":
        _room(rng, picture, side)
    sigma = float(rng.uniform(0.3, 7.0)) * side / 384
    picture = cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.3))
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * float(rng.uniform(0.1, 0.7))  # rooms are seldom gaudy
    return np.clip(picture, 0, 255).astype(np.uint8)


def _room(rng: np.random.Generator, picture: np.ndarray, side: int) -> None:
    floor = int(side * rng.uniform(0.6, 0.95))
    picture[floor:] = rng.uniform(30, 160, 3)
    for _ in range(int(rng.integers(3, 12))):
        w, h = (side * rng.uniform(0.06, 0.45, 2)).astype(int)
        x, y = int(rng.uniform(-0.1, 1) * side), int(rng.uniform(-0.1, 0.8) * side)
        bright = rng.random() < 0.25
        colour = rng.uniform(180, 255, 3) if bright else rng.uniform(10, 200, 3)
        cv2.rectangle(picture, (x, y), (x + int(w), y + int(h)), colour.tolist(), -1)
        if rng.random() < 0.6:  # shelves or panes
            count = int(rng.integers(2, 7))
            for k in range(1, count):
                at = y + int(h) * k // count
                cv2.line(picture, (x, at), (x + int(w), at), (colour * 0.5).tolist(), 2)
                if rng.random() < 0.5:
                    for _ in range(4):
                        left = x + int(rng.uniform(0, w))
                        top = at - int(h / count * rng.uniform(0.4, 0.9))
                        cv2.rectangle(picture, (left, top), (left + max(2, int(w) // 12), at),
                                      rng.uniform(20, 230, 3).tolist(), -1)  # fmt: skip


class Lighting:
    """A clip's light as it moves; ``skin`` is the mean linear brightness of who is filmed."""

    def __init__(self, rng: np.random.Generator, dim: bool, skin: float) -> None:
        kinds = ["soft", "window", "above", "sun", "screen"]
        kind = rng.choice(kinds, p=[0.4, 0.2, 0.15, 0.15, 0.1])
        warm = rng.uniform(-1, 1)
        tint = np.array([1 + 0.14 * warm, 1.0, 1 - 0.18 * warm])
        cool = np.array([1 - 0.08 * warm, 1.0, 1 + 0.10 * warm])
        across = rng.uniform(-0.6, 0.6)
        up, key, fill = 0.5, 0.55, 0.75
        if kind == "window":
            across, up, key, fill = rng.choice([-1, 1]) * rng.uniform(0.9, 1.5), 0.2, 0.95, 0.4
        elif kind == "above":
            up, key, fill = rng.uniform(0.9, 1.4), 0.9, 0.4
        elif kind == "sun":
            across, up, key, fill = rng.uniform(-1.2, 1.2), rng.uniform(0.5, 1.0), 1.4, 0.4
        elif kind == "screen":
            up, key, fill = rng.uniform(-0.5, 0.1), 0.7, 0.3
        self._angles = across, up
        self._key = key * tint
        self._sky = fill * cool * rng.uniform(0.85, 1.15)
        self._ground = self._sky * rng.uniform(0.35, 0.8) * (1 + 0.1 * rng.normal(0, 1, 3))
        self._side = self._sky * rng.uniform(-0.25, 0.25)
        self._moves = [Wander(rng, 0.25) for _ in range(3)]
        self._travel = rng.uniform(0.0, 0.25) if rng.random() < 0.8 else rng.uniform(0.3, 0.9)
        self._flicker = rng.uniform(0.1, 0.35) if dim and rng.random() < 0.4 else 0.02
        level = float((0.5 * (self._sky + self._ground) + 0.6 * self._key).mean())
        wanted = rng.uniform(0.16, 0.45) if dim else rng.uniform(0.75, 1.35)
        # Cameras open up for dark skin, though not all the way.
        self.exposure = wanted / level * float(np.clip(0.25 / skin, 0.7, 8.0)) ** 0.5

    def at(self, t: float) -> Light:
        """The light at ``t`` seconds."""
        across = self._angles[0] + self._travel * self._moves[0](t)
        up = self._angles[1] + 0.5 * self._travel * self._moves[1](t)
        toward = np.array([np.sin(across) * np.cos(up), -np.sin(up), -np.cos(across) * np.cos(up)])
        level = float(np.exp(self._flicker * self._moves[2](t)))
        return Light(toward, self._key * level, self._sky, self._ground, self._side, self.exposure)


class Passer:
    """Something that passes between camera and face, or stays there."""

    def __init__(self, rng: np.random.Generator, skin: np.ndarray, seconds: float) -> None:
        self._kind = int(rng.choice(4, p=[0.5, 0.15, 0.2, 0.15]))
        self._size = {
            0: (9.5, 18.0),
            1: (float(rng.uniform(2.0, 4.5)), 45.0),
            2: (4.0, 16.0),
            3: (8.0, 6.0),
        }[self._kind]
        self._colour = tuple(
            float(c) for c in (skin if self._kind == 0 else rng.uniform(0.02, 0.7, 3))
        )
        self._stays = bool(rng.random() < 0.35)
        self._rest = rng.uniform((-7, -3), (7, 9))
        if self._kind == 2:
            self._rest = rng.uniform((-4, 4), (4, 9)) + (0, 15.0)
        self._from = rng.choice([-1, 1]) * rng.uniform(20, 28), rng.uniform(2, 16)
        self._span = (rng.uniform(0, 0.4) * seconds, rng.uniform(0.6, 1.0) * seconds)
        self._angle = rng.uniform(-0.5, 0.5) + (
            0.0 if self._kind != 0 else np.sign(self._rest[0]) * rng.uniform(0.0, 0.7)
        )
        self._moves = [Wander(rng, 1.0) for _ in range(3)]
        self._near = rng.uniform(5, 9)

    def at(self, t: float, face: np.ndarray) -> Blob:
        """At ``t`` seconds, before a face whose middle is at ``face`` (3,) cm, camera axes."""
        share = np.clip((t - self._span[0]) / max(self._span[1] - self._span[0], 0.1), 0, 1)
        start = np.array(self._from)
        if self._stays:
            offset = self._rest
        else:  # there and back, on a curve
            offset = self._rest + (start - self._rest) * abs(2 * share - 1) ** 1.5
        offset = offset + 0.8 * np.array([self._moves[0](t), self._moves[1](t)])
        place = face + np.array([offset[0], offset[1], -self._near - 9.0])
        return Blob(
            self._kind,
            (float(place[0]), float(place[1]), float(place[2])),
            self._size,
            float(self._angle + 0.08 * self._moves[2](t)),
            self._colour,  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class Sensor:
    """What a camera adds. ``noise`` and ``read`` grey levels at white and at black, ``soft``
    pixels of blur, ``gain`` (3,) white balance, ``contrast`` 1 is none."""

    noise: float
    read: float
    soft: float
    gain: np.ndarray
    contrast: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, poor: bool) -> Sensor:
        """A camera by chance."""
        return cls(
            noise=float(rng.uniform(2, 9) if poor else rng.uniform(0.5, 4)),
            read=float(rng.uniform(1, 5) if poor else rng.uniform(0.3, 2)),
            soft=float(rng.uniform(0.4, 1.6) if poor else rng.uniform(0.0, 0.8)),
            gain=1 + rng.normal(0, 0.04, 3),
            contrast=float(rng.uniform(0.8, 1.15)),
        )

    def take(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, 3) float32 or uint8 0 to 255, to uint8."""
        picture: np.ndarray = image.astype(np.float32)
        if self.soft > 0.25:
            picture = cv2.GaussianBlur(picture, (0, 0), self.soft)
        picture = (picture * self.gain.astype(np.float32) - 118) * self.contrast + 118
        level = self.read + self.noise * np.sqrt(np.clip(picture, 0, 255) / 255)
        picture += level * rng.standard_normal(picture.shape, np.float32)
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
