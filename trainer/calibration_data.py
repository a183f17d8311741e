"""What a network says of annotated faces it never saw: evidence, and how far off it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from trainer.checkpoint import LoadedModel
from trainer.data.faces import read_picture
from trainer.data.stills import Still, fold_of
from trainer.data.video_sets import AnnotatedVideo
from trainer.devices import Runner
from trainer.evaluate import Convention, answers_moved
from trainer.face_network import FaceNetwork
from trainer.geometry import FaceBox
from trainer.metrics import point_errors
from trainer.models.rednet import AlignOutput, RedNet
from trainer.scheme import scheme_for
from trainer.tracking import RULES, FaceResult, Judge

FOUND, TRACKED, VIDEO, NOTHING = "found", "tracked", "video", "no face"
"""Ways a face comes to the network: from a box, twice; from its landmarks, moved as from
one frame to the next; through a video; and a place where there is none."""

_BOX_SHIFT, _BOX_SIZE = 0.06, 0.10  # a detector's, as parts of the side
_MOTION = 0.02  # shift, turn (radians) and change in size between neighbouring frames


@dataclass
class Observations:
    """N faces as the network saw them.

    Attributes
    ----------
    evidence : (N, L, F), see :data:`trainer.models.confidence.EVIDENCE`
    errors : (N, L) per cent of the interocular distance, NaN where not labelled, infinite
        where there is no face
    support : (N, L), see :class:`trainer.models.rednet.AlignOutput`
    sets, ways, groups : N names: of the set; :data:`FOUND` and its like; of the person or
        photo
    """

    evidence: np.ndarray
    errors: np.ndarray
    support: np.ndarray
    sets: np.ndarray
    ways: np.ndarray
    groups: np.ndarray

    def only(self, mask: np.ndarray) -> Observations:
        """Those for which ``mask`` (N,) is true."""
        return Observations(**{name: value[mask] for name, value in vars(self).items()})

    @property
    def second_half(self) -> np.ndarray:
        """(N,) bool: the half of the people and photos that tests what the other taught."""
        return np.array([bool(fold_of(f"calibration of {g}", 2)) for g in self.groups], bool)

    @classmethod
    def joined(cls, parts: Sequence[Observations]) -> Observations:
        """All of several."""
        names = vars(parts[0])
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


class _Collector(Runner):
    """Runs the network as alignment does, in its precision too, and keeps its answers."""

    def __init__(self, model: RedNet) -> None:
        super().__init__(model, model.mean_shape.device)
        self.seen: AlignOutput | None = None
        self.rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.names: list[tuple[str, str, str]] = []

    def align(
        self, images: Tensor, start: Tensor | None, state: Any, *, tracked: bool = False
    ) -> AlignOutput:
        out: AlignOutput = super().align(images, start, state, tracked=tracked)
        self.seen = out
        return out

    def keep(self, errors: np.ndarray, names: tuple[str, str, str]) -> None:
        """Note the last answer, with its errors (L,) and its set, way and group."""
        assert self.seen is not None  # a face was aligned before it is kept
        out = self.seen
        self.rows.append((out.evidence[0].cpu().numpy(), errors, out.support[0].cpu().numpy()))
        self.names.append(names)

    def observations(self) -> Observations:
        known, errors, support = (np.stack(column) for column in zip(*self.rows, strict=True))
        sets, ways, groups = (np.array(column) for column in zip(*self.names, strict=True))
        return Observations(known, errors, support, sets, ways, groups)


def observe_stills(
    loaded: LoadedModel,
    stills: Sequence[Still],
    name: str,
    *,
    convention: Convention = Convention.labels,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Observations:
    """Every still as if found, as if tracked, and a place in it without a face.

    Parameters
    ----------
    loaded : the model
    stills : annotated faces it wasn't trained on
    name : of the set, in the report
    convention : how the labels lie; as the model's training labels, they are moved on the face
    seed : of the boxes' and the motion's errors
    on_progress : called with (done, total)
    """
    collector, network = _network(loaded)
    rng = np.random.default_rng(seed)
    moved = answers_moved(loaded, convention)
    for done, still in enumerate(stills, 1):
        image = read_picture(still)
        truth = still.landmarks(network.scheme.n_landmarks) - moved
        if np.isfinite(truth).all(axis=-1).any():
            names = name, still.group
            _observe_still(collector, network, image, truth, names, rng)
        if on_progress:
            on_progress(done, len(stills))
    return collector.observations()


def observe_videos(
    loaded: LoadedModel,
    videos: Sequence[AnnotatedVideo],
    name: str,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Observations:
    """Every annotated frame of videos, each face followed from its first.

    A face that is lost begins again at the next frame's true box; the frame it was lost
    in doesn't count, as nothing is shown to a person there.
    """
    collector, network = _network(loaded)
    mean = loaded.model.mean_shape.cpu().numpy()
    judge = Judge(RULES, mean, network.scheme.eye_corners)
    for done, video in enumerate(videos, 1):
        for errors in _through(video, network, judge):
            collector.keep(errors, (name, VIDEO, video.identity))
        if on_progress:
            on_progress(done, len(videos))
    return collector.observations()


def _network(loaded: LoadedModel) -> tuple[_Collector, FaceNetwork]:
    collector = _Collector(loaded.model)
    scheme = scheme_for(loaded.model.config.n_landmarks)
    return collector, FaceNetwork(collector, scheme)


def _observe_still(
    collector: _Collector,
    network: FaceNetwork,
    image: np.ndarray,
    truth: np.ndarray,
    names: tuple[str, str],
    rng: np.random.Generator,
) -> None:
    (face,) = network.start(image, [_as_found(FaceBox.around(truth), rng)], around_landmarks=True)
    collector.keep(point_errors(face.landmarks, truth), (names[0], FOUND, names[1]))
    before = _moved(face.landmarks, rng)
    (after,) = network.follow(image, [before], [face.state])
    collector.keep(point_errors(after.landmarks, truth), (names[0], TRACKED, names[1]))
    elsewhere = _beside(FaceBox.around(truth), image.shape, rng)
    if elsewhere is not None:
        network.start(image, [elsewhere], around_landmarks=True)
        nowhere = np.full(len(truth), np.inf, np.float32)
        collector.keep(nowhere, (names[0], NOTHING, names[1]))


def _through(video: AnnotatedVideo, network: FaceNetwork, judge: Judge) -> Iterator[np.ndarray]:
    """Errors (L,) of each annotated frame; the collector holds its evidence meanwhile."""
    face: FaceResult | None = None
    for number, image in video.frames(sorted(video.annotations)):
        truth = video.landmarks(number, network.scheme.n_landmarks)
        if not np.isfinite(truth).all(axis=-1).any():
            face = None
            continue
        if face is None:
            (face,) = network.start(image, [FaceBox.around(truth)], around_landmarks=True)
        else:
            side = FaceBox.around(face.landmarks).side
            (face,) = network.follow(image, [face.landmarks], [face.state])
            if judge.why_not(face, image.shape, side):
                face = None
                continue
        yield point_errors(face.landmarks, truth)


def _as_found(box: FaceBox, rng: np.random.Generator) -> FaceBox:
    """A box as a detector would give it."""
    side = box.side * float(np.exp(rng.normal(0, _BOX_SIZE)))
    x, y = np.array(box.centre) + rng.normal(0, _BOX_SHIFT * box.side, 2)
    return FaceBox(float(x) - side / 2, float(y) - side / 2, side, side)


def _moved(landmarks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where a face's landmarks may have been in the frame before, (L, 2) in pixels."""
    middle, side = landmarks.mean(axis=0), FaceBox.around(landmarks).side
    turn, growth = rng.normal(0, _MOTION, 2)
    c, s = np.exp(growth) * np.cos(turn), np.exp(growth) * np.sin(turn)
    shift = rng.normal(0, _MOTION * side, 2)
    return ((landmarks - middle) @ np.array([[c, s], [-s, c]]) + middle + shift).astype(np.float32)


def _beside(box: FaceBox, shape: tuple[int, ...], rng: np.random.Generator) -> FaceBox | None:
    """A box in the picture that doesn't touch the face; None if there is hardly room."""
    height, width = shape[:2]
    for _ in range(20):
        side = box.side * float(np.exp(rng.uniform(-1, 0.2)))
        x, y = rng.uniform(0, max(width - side, 1)), rng.uniform(0, max(height - side, 1))
        other = FaceBox(float(x), float(y), side, side)
        if box.iou(other) == 0:
            return other
    return None
