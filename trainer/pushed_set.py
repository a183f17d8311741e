"""What the plugin pushes to fine-tuning: frames a person looked at, and those around them.

A pushed set is a video set in 300-VW's layout with a ``set.json`` that says what each frame is
worth; docs/finetune.md describes the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import imageio.v3 as iio
import numpy as np

from trainer.data.pts import read_pts, write_pts
from trainer.errors import RedError
from trainer.held_out import APART

FORMAT = "napari-red pushed set 1"
SET_FILE = "set.json"

CORRECTED, ACCEPTED, PREDICTED = "corrected", "accepted", "predicted"
"""Kinds of frames: landmarks a person moved; ones a person looked at and left as they were;
and the model's own, re-tracked from the corrections."""

CLIP_FRAMES = 10
"""T, frames of a clip round a corrected frame (paper, section 4.2)."""

_FOLDERS = {CORRECTED: "annot", ACCEPTED: "annot", PREDICTED: "predicted"}
_QUALITY = 95


class PushedSetError(RedError):
    """A pushed set that can't be read or written."""


@dataclass(frozen=True)
class PushedFrame:
    """One face in one frame of a pushed set.

    Attributes
    ----------
    video : ``IDENTITY/VIDEO``, the folder of the face's video in the set
    identity : the person's name, None where nobody named the person
    number : 0-based frame number in the video
    kind : :data:`CORRECTED`, :data:`ACCEPTED` or :data:`PREDICTED`
    held_out : whether it is measured on and never trained on
    visible : (L,) bool, false for landmarks that were marked as hidden
    confidence : (L,) float32, 0 to 1, the model's own, or None where it isn't known
    image, annotation : its files
    """

    video: str
    identity: str | None
    number: int
    kind: str
    held_out: bool
    visible: np.ndarray
    confidence: np.ndarray | None
    image: Path
    annotation: Path

    @property
    def person(self) -> str:
        """Who it is: the identity, or for somebody unnamed the folder, which is like no other."""
        return self.identity if self.identity is not None else self.video

    def read_image(self) -> np.ndarray:
        """The whole frame, (H, W, 3) uint8 RGB.

        Raises
        ------
        PushedSetError
            If it can't be read.
        """
        try:
            return iio.imread(self.image, plugin="pillow", mode="RGB")
        except (OSError, ValueError) as error:
            raise PushedSetError(
                f"{self.image}: isn't a readable picture ({error}); push the project again"
            ) from error

    def landmarks(self) -> np.ndarray:
        """(L, 2) float32 xy in the frame's pixels, 0-based, NaN where not labelled.

        Raises
        ------
        PtsError
            If the file can't be read or has another number of landmarks.
        """
        return read_pts(self.annotation, len(self.visible))


@dataclass(frozen=True)
class PushedSet:
    """All of a pushed set.

    Attributes
    ----------
    folder : where it is
    n_landmarks : L
    parent : what the model that was corrected is called, or None
    replay : a replay set of its own, or None for the one that ships
    frames : in order of video and number
    fingerprint : changes when ``set.json`` changes
    """

    folder: Path
    n_landmarks: int
    parent: str | None
    replay: Path | None
    frames: list[PushedFrame]
    fingerprint: str

    def looked_at(self, *, held_out: bool) -> list[PushedFrame]:
        """Corrected and accepted frames that are held out, or those that are not."""
        return [f for f in self.frames if f.kind != PREDICTED and f.held_out == held_out]

    @cached_property
    def _held_out(self) -> dict[str, list[int]]:
        numbers: dict[str, list[int]] = {}
        for frame in self.frames:
            if frame.held_out:
                numbers.setdefault(frame.video, []).append(frame.number)
        return numbers

    def near_held_out(self, frame: PushedFrame) -> bool:
        """Whether a frame is held out or within :data:`APART` frames of one that is."""
        return any(abs(n - frame.number) <= APART for n in self._held_out.get(frame.video, ()))


def read_pushed_set(folder: str | Path) -> PushedSet:
    """Read what :class:`PushedSetWriter` wrote; pictures and landmarks are read when asked for.

    Raises
    ------
    PushedSetError
        If ``set.json`` is missing, damaged or of a newer version, or a file it names is missing.
    """
    folder = Path(folder)
    path = folder / SET_FILE
    try:
        raw = path.read_bytes()
        header = json.loads(raw)
    except FileNotFoundError:
        raise PushedSetError(
            f"{folder}: no {SET_FILE} in it, so it isn't a pushed set; push the project's "
            "corrections again or give the folder that holds set.json"
        ) from None
    except (OSError, ValueError) as error:
        raise PushedSetError(f"{path}: can't be read ({error}); push again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise PushedSetError(
            f"{path}: its format isn't '{FORMAT}'; it was pushed by another version of "
            "napari-red: update, or push again"
        )
    try:
        n_landmarks = int(header["n_landmarks"])
        frames = [
            _frame(folder, video, values, n_landmarks)
            for video in header["videos"]
            for values in video["frames"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise PushedSetError(f"{path}: damaged or incomplete ({error!r}); push again") from error
    frames.sort(key=lambda frame: (frame.video, frame.number))
    for frame, after in pairwise(frames):
        if (frame.video, frame.number) == (after.video, after.number):
            raise PushedSetError(
                f"{path}: frame {frame.number + 1} of {frame.video} is there twice; push again"
            )
    replay = header.get("replay")
    return PushedSet(
        folder,
        n_landmarks,
        header.get("parent"),
        folder / replay if replay else None,
        frames,
        hashlib.sha256(raw).hexdigest(),
    )


class PushedSetWriter:
    """Writes a pushed set, frame by frame; ``set.json`` comes last, so half a set isn't one.

    Use it in a ``with`` block, or call :meth:`finish`.

    Parameters
    ----------
    folder : a new or empty folder
    n_landmarks : L
    parent : what the corrected model is called
    replay : a replay set to use in place of the one that ships, relative to ``folder``

    Raises
    ------
    PushedSetError
        If the folder isn't empty or can't be written.
    """

    def __init__(
        self,
        folder: str | Path,
        n_landmarks: int = 68,
        *,
        parent: str | None = None,
        replay: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.n_landmarks = n_landmarks
        self._header = {"parent": parent, "replay": replay}
        self._videos: dict[tuple[str | None, str, Hashable], dict[str, Any]] = {}
        self._folders: set[str] = set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            filled = any(self.folder.iterdir())
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        if filled:
            raise PushedSetError(f"{self.folder}: isn't empty; choose a new folder for each push")

    def __enter__(self) -> PushedSetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()

    def add_frame(
        self,
        identity: str | None,
        video: str,
        frame: int,
        image: np.ndarray,
        landmarks: np.ndarray,
        *,
        kind: str,
        source: Hashable = None,
        held_out: bool = False,
        visible: np.ndarray | None = None,
        confidence: np.ndarray | None = None,
    ) -> None:
        """Write one frame of one face.

        Parameters
        ----------
        identity : the person's name; None where nobody named the person
        video : name of this face's video; it names a folder
        frame : 0-based number in the video
        image : (H, W, 3) uint8 RGB, the whole frame
        landmarks : (L, 2) xy in the frame's pixels, 0-based, NaN where not labelled
        kind : :data:`CORRECTED`, :data:`ACCEPTED` or :data:`PREDICTED`
        source : tells this face's video from others of the same name; None where none has it
        held_out : chosen by :func:`trainer.held_out.choose_held_out`, the same in every later push
        visible : (L,) bool, None is all
        confidence : (L,) 0 to 1 of the prediction, None where not known

        Raises
        ------
        PushedSetError
            If a value doesn't fit, the frame was added before, or it can't be written.
        """
        if kind not in _FOLDERS:
            raise PushedSetError(f"kind '{kind}' is unknown; use one of {', '.join(_FOLDERS)}")
        if held_out and kind == PREDICTED:
            raise PushedSetError("a predicted frame can't be held out: its truth isn't known")
        landmarks = np.asarray(landmarks)
        if landmarks.shape != (self.n_landmarks, 2):
            raise PushedSetError(
                f"{video}, frame {frame}: landmarks have shape {landmarks.shape}, "
                f"needed is ({self.n_landmarks}, 2)"
            )
        entry = self._entry(identity, video, source)
        if any(one["number"] == frame + 1 for one in entry["frames"]):
            raise PushedSetError(f"{video}, frame {frame}: was added before")
        place = self.folder / entry["folder"]
        name = f"{frame + 1:06d}"
        try:
            for part in ("imgs", _FOLDERS[kind]):
                (place / part).mkdir(parents=True, exist_ok=True)
            iio.imwrite(place / "imgs" / f"{name}.jpg", image, quality=_QUALITY, subsampling=0)
        except OSError as error:
            raise _unwritable(place, error) from error
        write_pts(place / _FOLDERS[kind] / f"{name}.pts", landmarks)
        values: dict[str, Any] = {"number": frame + 1, "kind": kind, "held_out": held_out}
        if visible is not None and not np.all(visible):
            values["hidden"] = np.flatnonzero(~np.asarray(visible, bool)).tolist()
        if confidence is not None:
            values["confidence"] = [round(float(c), 3) for c in np.nan_to_num(confidence)]
        entry["frames"].append(values)

    def finish(self) -> None:
        """Write ``set.json``.

        Raises
        ------
        PushedSetError
            If it can't be written.
        """
        values = {
            "format": FORMAT,
            "n_landmarks": self.n_landmarks,
            **self._header,
            "videos": list(self._videos.values()),
        }
        path = self.folder / SET_FILE
        partial = path.with_name(f".{SET_FILE}.partial")
        try:
            partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
            os.replace(partial, path)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _entry(self, identity: str | None, video: str, source: Hashable) -> dict[str, Any]:
        key = identity, video, source
        if key not in self._videos:
            person = _plain_name(identity if identity is not None else f"unnamed {video}")
            folder = wanted = f"{person}/{_plain_name(video)}"
            count = 1
            while folder.casefold() in self._folders:
                count += 1
                folder = f"{wanted}~{count}"
            self._folders.add(folder.casefold())
            self._videos[key] = {"folder": folder, "identity": identity, "frames": []}
        return self._videos[key]


def clip_window(frame: int, n_frames: int, length: int = CLIP_FRAMES) -> range:
    """The clip round a corrected frame: ``length`` frames with it in the middle.

    Near an end of the video, which has ``n_frames``, it moves inward.
    """
    first = max(0, min(frame - length // 2, n_frames - length))
    return range(first, min(first + length, n_frames))


def _frame(
    folder: Path, video: dict[str, Any], values: dict[str, Any], n_landmarks: int
) -> PushedFrame:
    place, kind, number = folder / video["folder"], values["kind"], int(values["number"])
    if kind not in _FOLDERS:
        raise ValueError(f"kind {kind}")
    visible = np.ones(n_landmarks, bool)
    for index in values.get("hidden", ()):
        if not 0 <= index < n_landmarks:
            raise ValueError(f"hidden landmark {index} of {n_landmarks}")
        visible[index] = False
    confidence = values.get("confidence")
    if confidence is not None and len(confidence) != n_landmarks:
        raise ValueError(f"{len(confidence)} confidences of {n_landmarks} landmarks")
    held_out = bool(values.get("held_out", False))
    if held_out and kind == PREDICTED:
        raise ValueError("a predicted frame is held out")
    image = place / "imgs" / f"{number:06d}.jpg"
    annotation = place / _FOLDERS[kind] / f"{number:06d}.pts"
    for path in (image, annotation):
        if not path.is_file():
            raise PushedSetError(
                f"{path}: is missing, {SET_FILE} names it; push the project's corrections again"
            )
    return PushedFrame(
        video["folder"],
        video.get("identity"),
        number - 1,
        kind,
        held_out,
        visible,
        None if confidence is None else np.asarray(confidence, np.float32),
        image,
        annotation,
    )


def _plain_name(name: str) -> str:
    """A name as a folder may have it on every system."""
    plain = re.sub(r"[^\w\- .]", "_", name).strip(" .")
    return plain[:80] or "_"


def _unwritable(path: Path, error: OSError) -> PushedSetError:
    return PushedSetError(
        f"{path}: can't be written ({error.strerror}); choose a folder you may write to"
    )
