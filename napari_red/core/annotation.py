"""Annotation as values, with no project and no window behind them.

Every file format is written from these and read into these, so that a format knows
nothing of how a project stores things.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from napari_red.core.models import AUTOMATIC, shipped_models
from trainer.errors import RedError

IMPORTED = "imported labels"
"""What labels that were made elsewhere have in the place of a model's name."""

IMPORTED_FROM = "imported from "
"""What that began with in older versions; the name of the file or folder followed."""


class AnnotationError(RedError):
    """Annotation that contradicts itself."""


@dataclass(frozen=True, eq=False)
class FaceAnnotation:
    """One face through one video; only the N frames that it is annotated in.

    Attributes
    ----------
    face : int
        The face's slot in the video, from 0.
    name : str
        What a person calls this face in this video.
    identity : str or None
        The person, over faces and videos; None where nobody said.
    frames : (N,) int64, strictly rising, from 0
    landmarks : (N, L, 2) float32, xy in video pixels, 0-based, pixel centres at
        integers, NaN = not labelled
    confidence : (N, L) float32, 0 … 1, NaN = unknown
    visible : (N, L) bool; a landmark that is hidden may keep its position
    corrected : (N, L) bool, True where a person placed the landmark
    accepted : (N,) bool, True where a person said that this face is right in this frame
    models : N names of models, None where none was at work

    Raises
    ------
    AnnotationError
        If the shapes don't fit, or frames aren't strictly rising from 0.
    """

    face: int
    name: str
    identity: str | None
    frames: np.ndarray
    landmarks: np.ndarray
    confidence: np.ndarray
    visible: np.ndarray
    corrected: np.ndarray
    accepted: np.ndarray
    models: tuple[str | None, ...]

    def __post_init__(self) -> None:
        where = f"face {self.face} ({self.name!r})"
        if self.face < 0:
            raise AnnotationError(f"{where}: the slot counts from 0; give one that isn't negative")
        for field, dtype in _DTYPES.items():
            object.__setattr__(self, field, np.asarray(getattr(self, field), dtype))
        shape = self.landmarks.shape
        if len(shape) != 3 or shape[2] != 2:
            raise AnnotationError(
                f"{where}: landmarks have shape {shape}; give (frames, landmarks, 2)"
            )
        wanted = {
            "frames": shape[:1],
            "accepted": shape[:1],
            "confidence": shape[:2],
            "visible": shape[:2],
            "corrected": shape[:2],
        }
        for field, needed in wanted.items():
            got = getattr(self, field).shape
            if got != needed:
                raise AnnotationError(
                    f"{where}: {field} has shape {got}, landmarks need {needed}; give one value "
                    "for each"
                )
        if len(self.models) != shape[0]:
            raise AnnotationError(
                f"{where}: {len(self.models)} model names for {shape[0]} frames; give one for "
                "each, or None"
            )
        if shape[0] and (self.frames[0] < 0 or (np.diff(self.frames) <= 0).any()):
            raise AnnotationError(
                f"{where}: frames must rise from 0 without repeats; sort them and drop doubles"
            )

    @property
    def n_landmarks(self) -> int:
        """L, the number of landmarks."""
        return self.landmarks.shape[1]

    @cached_property
    def labelled(self) -> np.ndarray:
        """(N, L) bool: True where there is a position."""
        return np.isfinite(self.landmarks).all(axis=2)

    @cached_property
    def by_person(self) -> np.ndarray:
        """(N,) bool: True where a person placed a landmark or accepted the frame."""
        return self.accepted | self.corrected.any(axis=1)

    def rows(self, keep: np.ndarray) -> FaceAnnotation:
        """The same face in the frames where ``keep``, (N,) bool, is True."""
        picked = np.flatnonzero(keep)
        return replace(
            self,
            models=tuple(self.models[row] for row in picked),
            **{field: getattr(self, field)[picked] for field in _DTYPES},
        )

    def points(self, indices: Sequence[int]) -> FaceAnnotation:
        """The same face with these landmarks only, in this order."""
        picked = list(indices)
        per_landmark = ("landmarks", "confidence", "visible", "corrected")
        return replace(self, **{field: getattr(self, field)[:, picked] for field in per_landmark})


_DTYPES = {
    "frames": np.int64,
    "landmarks": np.float32,
    "confidence": np.float32,
    "visible": np.bool_,
    "corrected": np.bool_,
    "accepted": np.bool_,
}


@dataclass(frozen=True, eq=False)
class VideoAnnotation:
    """All faces of one video, and what a format may want to know of the video.

    Attributes
    ----------
    path : Path or None
        The video file or the folder of frames; None where unknown.
    name : str
        What the video is called, which names files and folders.
    n_frames : int
    height, width : int
        Pixels.
    fps : float
        Frames a second, 0 where unknown.
    times : (T,) float64, seconds, or None
        When each frame is shown; None: ``frame / fps``.
    stems : T file stems, or None
        What a frame's annotation file is called; None: counted from 1 with six digits,
        as in 300-VW.
    id : str
        The same for the same video wherever it is, "" where unknown; tells nothing of it.
    picture_names : T file stems, or None
        What the pictures of a folder of frames are called; None: it isn't one.
    faces : tuple of FaceAnnotation

    Raises
    ------
    AnnotationError
        If times, stems, names of pictures or faces don't fit the number of frames, or two
        faces share a slot.
    """

    path: Path | None
    name: str
    n_frames: int
    height: int
    width: int
    fps: float
    times: np.ndarray | None = None
    stems: Sequence[str] | None = None
    faces: tuple[FaceAnnotation, ...] = ()
    picture_names: Sequence[str] | None = None
    id: str = ""

    def __post_init__(self) -> None:
        if self.times is not None:
            object.__setattr__(self, "times", np.asarray(self.times, np.float64))
        per_frame = {
            "times": self.times,
            "stems": self.stems,
            "names of pictures": self.picture_names,
        }
        for what, values in per_frame.items():
            if values is not None and len(values) != self.n_frames:
                raise AnnotationError(
                    f"{self.name}: {len(values)} {what} for {self.n_frames} frames; give one for "
                    "each frame, or None"
                )
        slots = [face.face for face in self.faces]
        if len(set(slots)) != len(slots):
            raise AnnotationError(
                f"{self.name}: faces have slots {slots}; give each a slot of its own"
            )
        for face in self.faces:
            if len(face.frames) and face.frames[-1] >= self.n_frames:
                raise AnnotationError(
                    f"{self.name}, face {face.face}: annotated in frame {face.frames[-1]}, and "
                    f"the video has {self.n_frames} (the last is {self.n_frames - 1}); check that "
                    "it belongs to this video"
                )

    def stem(self, frame: int) -> str:
        """What the annotation file of this frame (from 0) is called, without its suffix."""
        return f"{frame + 1:06d}" if self.stems is None else self.stems[frame]

    def picture(self, frame: int) -> str:
        """What the picture of this frame (from 0) is called, without its suffix."""
        return self.stem(frame) if self.picture_names is None else self.picture_names[frame]

    def time(self, frame: int) -> float:
        """When this frame (from 0) is shown, in seconds; NaN where unknown."""
        if self.times is not None:
            return float(self.times[frame])
        return frame / self.fps if self.fps > 0 else float("nan")

    def by_frame(self) -> Iterator[tuple[int, list[tuple[FaceAnnotation, int]]]]:
        """Frames with a face, in order: the frame, then (face, its row) for each face."""
        found: dict[int, list[tuple[FaceAnnotation, int]]] = {}
        for face in sorted(self.faces, key=lambda face: face.face):
            for row, frame in enumerate(face.frames.tolist()):
                found.setdefault(frame, []).append((face, row))
        for frame in sorted(found):
            yield frame, found[frame]


def pseudonyms(
    annotations: Sequence[VideoAnnotation], salt: str
) -> tuple[tuple[VideoAnnotation, ...], dict[str, str]]:
    """Put "person_01", "person_02", … in the place of identities.

    The same salt and the same people give the same pseudonyms; without the salt, nobody
    can tell from the number who is who, nor in which order they were entered. A name of a
    face goes with its identity, other names become "face 1" and so on, and of the path
    only the file's name stays, because folders are often called after people; so it is with
    the names of models, of which some are paths too. A video's own name is kept: rename the
    video if that tells who is in it.

    Parameters
    ----------
    annotations : videos that are exported together
    salt : a secret of the project; keep it with the project and never with the export

    Returns
    -------
    annotations : the same videos, pseudonymous
    key : identity to pseudonym, for those who keep the list

    Raises
    ------
    AnnotationError
        If the salt is empty.
    """
    if not salt:
        raise AnnotationError("pseudonyms need a salt; give the project's secret")
    people = {f.identity for video in annotations for f in video.faces if f.identity is not None}
    secret = salt.encode()
    order = sorted(people, key=lambda name: hmac.digest(secret, name.encode(), hashlib.sha256))
    digits = max(2, len(str(len(order))))
    key = {name: f"person_{number:0{digits}d}" for number, name in enumerate(order, 1)}

    models = {model for video in annotations for f in video.faces for model in f.models}
    aliases = Aliases(key)
    called = {model: aliases.model(model) for model in models if model is not None}

    def anonymous(face: FaceAnnotation) -> FaceAnnotation:
        alias = None if face.identity is None else key[face.identity]
        return replace(
            face,
            name=alias or f"face {face.face + 1}",
            identity=alias,
            models=tuple(None if model is None else called[model] for model in face.models),
        )

    return tuple(
        replace(
            video,
            path=None if video.path is None else Path(video.path.name),
            faces=tuple(anonymous(face) for face in video.faces),
        )
        for video in annotations
    ), key


class Aliases:
    """Puts an alias in the place of each name that is a word of a text.

    Names of models that ship stay, and those that models get by themselves, also where
    somebody is called as a part of one.

    Parameters
    ----------
    aliases : name to alias
    kept : other words that stay
    """

    def __init__(self, aliases: Mapping[str, str], kept: Iterable[str] = ()) -> None:
        self._aliases = {name: alias for name, alias in aliases.items() if name}
        self._kept = {*shipped_models(), *kept}
        longest_first = partial(sorted, key=len, reverse=True)
        stays, replaced = map(longest_first, (self._kept, self._aliases))
        self._either = "|".join([*map(re.escape, stays), AUTOMATIC, *map(re.escape, replaced)])

    def text(self, text: str) -> str:
        """A text without the names."""
        return self._replaced(text, r"\w")

    def model(self, model: str) -> str:
        """What a model is called, without folders and names."""
        if model.startswith(IMPORTED_FROM):
            return IMPORTED
        # Names of files have "_" in the place of spaces.
        return self._replaced(re.split(r"[\\/]", model)[-1], r"[^\W_]")

    def _replaced(self, text: str, letter: str) -> str:
        """A word is between what are no such letters."""
        if not self._aliases:
            return text
        word = rf"(?<!{letter})(?:{self._either})(?!{letter})"
        return re.sub(word, lambda found: self._alias(found[0]), text)

    def _alias(self, word: str) -> str:
        return word if word in self._kept else self._aliases.get(word, word)
