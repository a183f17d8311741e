"""How a talking head moves: turns of the head, speech, feelings, blinks, gaze.

Everything is a function of time in seconds, so that a moment between two frames (for the
blur of motion) is as exact as a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.heads.face_model import EYE_LEFT_END, EYE_RIGHT_END, TEETH_END, FaceModel

FPS = 25.0

_FEELINGS: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.8, "cheekSquint": 0.5, "cheekRaiser": 0.4, "eyeSquint": 0.3},
    {"mouthSmile": 1.0, "mouthUpperUp": 0.35, "mouthLowerDown": 0.3, "jawOpen": 0.12,
     "cheekRaiser": 0.6, "eyeSquint": 0.35},
    {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.35},
    {"browDown": 0.9, "eyeSquint": 0.4, "mouthPress": 0.5, "noseSneer": 0.4},
    {"browInnerUp": 0.9, "mouthFrown": 0.8, "mouthShrugLower": 0.4},
    {"noseSneer": 0.9, "mouthUpperUp": 0.5, "browDown": 0.5, "eyeSquint": 0.5},
    {"mouthPucker": 0.7, "browDown": 0.3},
    {"browOuterUp": 0.8, "browInnerUp": 0.5, "mouthDimple": 0.4},
    {"mouthStretch": 0.6, "browInnerUp": 0.6, "eyeWide": 0.5},
)  # fmt: skip
_WILD: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.85, "eyeSquint": 0.7, "browInnerUp": 0.4},
    {"jawOpen": 0.6, "mouthSmile": 0.8, "cheekRaiser": 0.7, "mouthUpperUp": 0.4},
    {"eyeBlink": 0.9, "noseSneer": 0.7, "browDown": 0.8, "cheekRaiser": 0.7},
    {"jawLeft": 0.6, "mouthLeft": 0.6}, {"jawRight": 0.6, "mouthRight": 0.6},
    {"cheekPuff": 0.8, "mouthPress": 0.4},
)  # fmt: skip
_SOUNDS: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.42, "mouthLowerDown": 0.2},
    {"jawOpen": 0.28, "mouthStretch": 0.3, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},
    {"jawOpen": 0.22, "mouthFunnel": 0.6},
    {"jawOpen": 0.10, "mouthPucker": 0.8},
    {"jawOpen": 0.12, "mouthSmile": 0.3, "mouthLowerDown": 0.35, "mouthUpperUp": 0.2},
    {"jawOpen": 0.06, "mouthRollLower": 0.4, "mouthUpperUp": 0.2},
    {"jawOpen": 0.18, "mouthLowerDown": 0.3},
    {"jawOpen": 0.30},
)  # fmt: skip


class Wander:
    """Smooth noise of a given pace: about N(0, 1) at any moment."""

    def __init__(self, rng: np.random.Generator, fastest: float, terms: int = 6) -> None:
        self._rate = 2 * np.pi * fastest * np.sqrt(rng.uniform(0.02, 1, terms))
        self._phase = rng.uniform(0, 2 * np.pi, terms)
        self._size = rng.uniform(0.5, 1, terms)
        self._size *= np.sqrt(2 / np.sum(self._size**2))

    def __call__(self, t: float) -> float:
        """Value at ``t`` seconds."""
        return float(np.sum(self._size * np.sin(self._rate * t + self._phase)))


@dataclass(frozen=True)
class Liveliness:
    """How much a clip moves. Angles in degrees: middle and spread of each; ``pace`` in Hz is
    the fastest swing; ``speech``, ``feeling`` 0 to 1; ``shift`` cm; ``wild`` grimaces."""

    yaw: tuple[float, float]
    pitch: tuple[float, float]
    roll: tuple[float, float]
    pace: float
    speech: float
    feeling: float
    shift: float
    wild: bool = False


@dataclass(frozen=True)
class Moment:
    """Angles in degrees; ``shift`` (3,) cm; ``weights`` (E,); ``gaze`` degrees to the image's
    right and up, against the head."""

    yaw: float
    pitch: float
    roll: float
    shift: np.ndarray
    weights: np.ndarray
    gaze: tuple[float, float]


class Motion:
    """One clip's motion."""

    def __init__(
        self, model: FaceModel, rng: np.random.Generator, lively: Liveliness, seconds: float
    ) -> None:
        self._lively = lively
        self._turns = [Wander(rng, lively.pace * f) for f in (1.0, 1.2, 0.9)]
        self._nods = Wander(rng, 2.2)
        self._shifts = [Wander(rng, 0.4) for _ in range(3)]
        self._gate = Wander(rng, 0.6)
        self._strength = rng.uniform(0.6, 1.25)
        self._asymmetry = rng.uniform(0.75, 1.0, len(model.expression_names))
        ends = seconds + 2
        rate = rng.uniform(3.0, 6.0)
        self._beats = np.cumsum(rng.uniform(0.6, 1.5, int(ends * rate * 1.6) + 8) / rate) - 1.0
        sounds = np.stack([model.weights(**sound) for sound in _SOUNDS])
        closed = rng.random(len(self._beats)) < 0.3
        self._sounds = sounds[rng.integers(len(sounds), size=len(self._beats))]
        self._sounds = self._sounds * rng.uniform(0.4, 1.2, (len(self._beats), 1))
        self._sounds[closed] = model.weights(mouthPress=0.25)
        catalogue = _WILD + _FEELINGS if lively.wild else _FEELINGS
        count = int(rng.integers(1, 3 + int(seconds / 4)))
        self._feelings = [
            (
                rng.uniform(-1.0, seconds),
                rng.uniform(0.25, 0.9),
                rng.uniform(0.4, 2.5),
                rng.uniform(0.4, 1.1),
                rng.uniform(0.35, 1.0) * model.weights(**catalogue[rng.integers(len(catalogue))]),
            )
            for _ in range(count)
        ]
        gaps = rng.exponential(2.4, int(ends) + 4) + 0.35
        self._blinks = np.cumsum(gaps) - 2.5
        self._half_blinks = rng.uniform(0.75, 1.0, len(self._blinks))
        self._lids = model.indices("eyeBlink")
        self._look_down, self._look_up = (
            model.indices("eyeLookDown"),
            model.indices("eyeLookUp"),
        )
        self._jaw = model.indices("jawOpen")
        self._saccades = np.cumsum(rng.exponential(0.9, int(ends * 2) + 4) + 0.15) - 1.0
        targets = rng.normal(0, (9, 5), (len(self._saccades) + 1, 2))
        self._targets = np.clip(targets, (-26, -14), (26, 12))
        self._stare = rng.uniform(0.2, 0.75)
        self._base = model.weights()
        rest = rng.dirichlet(np.ones(4)) * rng.uniform(0, 0.5)
        for name, value in zip(
            ("mouthFrown", "mouthSmile", "browDown", "eyeSquint"), rest, strict=True
        ):
            self._base += model.weights(**{name: float(value)})

    def at(self, t: float) -> Moment:
        """Everything at ``t`` seconds."""
        lively = self._lively
        yaw, pitch, roll = (
            middle + spread * np.tanh(0.9 * turn(t)) / 0.72
            for (middle, spread), turn in zip(
                (lively.yaw, lively.pitch, lively.roll), self._turns, strict=True
            )
        )
        talk = lively.speech * np.clip(0.5 + 1.6 * self._gate(t), 0, 1)
        pitch += 1.5 * talk * self._nods(t)
        yaw, pitch, roll = _within(yaw, 75), _within(pitch, 30), _within(roll, 25)
        weights = self._base + talk * self._strength * self._sound(t)
        for start, rise, hold, fall, feeling in self._feelings:
            weights = weights + lively.feeling * _bump(t - start, rise, hold, fall) * feeling
        weights = weights * self._asymmetry
        gaze = self._gaze(t, yaw, pitch)
        weights[self._look_down] += np.clip(-gaze[1] / 30, 0, 0.8)
        weights[self._look_up] += np.clip(gaze[1] / 30, 0, 0.8)
        lids = max(
            (
                depth * _bump(t - start, 0.09, 0.05, 0.17)
                for start, depth in zip(self._blinks, self._half_blinks, strict=True)
                if 0 <= t - start < 0.4
            ),
            default=0.0,
        )
        weights[self._lids] = np.clip(np.maximum(weights[self._lids], lids), 0, 1)
        weights = np.clip(weights, 0, 1).astype(np.float32)
        weights[self._jaw] = np.minimum(weights[self._jaw], 0.9)
        shift = lively.shift * np.array([move(t) for move in self._shifts])
        return Moment(yaw, pitch, roll, shift, weights, gaze)

    def _sound(self, t: float) -> np.ndarray:
        k = int(np.clip(np.searchsorted(self._beats, t), 1, len(self._beats) - 1))
        share = (t - self._beats[k - 1]) / (self._beats[k] - self._beats[k - 1])
        share = float(np.clip(share, 0, 1))
        share = share * share * (3 - 2 * share)
        return self._sounds[k - 1] * (1 - share) + self._sounds[k] * share

    def _gaze(self, t: float, yaw: float, pitch: float) -> tuple[float, float]:
        k = int(np.searchsorted(self._saccades, t))
        since = t - self._saccades[k - 1] if k else 1.0
        share = float(np.clip(since / 0.05, 0, 1))
        before = self._targets[max(k - 1, 0)]
        right, up = before * (1 - share) + self._targets[k] * share
        # People keep looking at what is in front of them while the head turns.
        right -= self._stare * yaw
        up -= self._stare * pitch
        return float(np.clip(right, -32, 32)), float(np.clip(up, -20, 16))


def turned_eyes(points: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    """Turn both eyeballs of (V, 3) points, in place, to ``gaze`` degrees right and up."""
    right, up = np.radians(gaze)
    turn = np.array(
        [[np.cos(right), 0, np.sin(right)], [0, 1, 0], [-np.sin(right), 0, np.cos(right)]]
    )
    lift = np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]])
    rotation = (turn @ lift).astype(points.dtype)
    for first, last in ((TEETH_END, EYE_LEFT_END), (EYE_LEFT_END, EYE_RIGHT_END)):
        ball = points[first:last]
        middle = (ball.min(axis=0) + ball.max(axis=0)) / 2
        points[first:last] = (ball - middle) @ rotation.T + middle
    return points


def _within(angle: float, limit: float) -> float:
    """The angle, bent smoothly to stay below ``limit`` from two thirds of it on."""
    soft = 2 * limit / 3
    over = max(abs(angle) - soft, 0.0)
    bent = min(abs(angle), soft) + (limit - soft) * np.tanh(over / (limit - soft))
    return float(np.copysign(bent, angle))


def _bump(t: float, rise: float, hold: float, fall: float) -> float:
    """0, up to 1 within ``rise`` seconds, there for ``hold``, down within ``fall``."""
    share = min(t / rise, 1.0, (rise + hold + fall - t) / fall)
    share = max(share, 0.0)
    return share * share * (3 - 2 * share)
