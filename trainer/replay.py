"""Rendered heads that ship with the package: what fine-tuning must not forget.

``trainer/weights/replay.npz`` holds face patches of made-up people (:mod:`trainer.heads`) that
no model was trained on: one part is trained on beside a person's corrections, the other, of
other people, tells whether the network got worse elsewhere. ``scripts/make_replay.py``
makes the file again.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from trainer.data.faces import PATCH_SIZE, FaceSet, patch_of
from trainer.errors import RedError
from trainer.heads.people import split_of
from trainer.scheme import SUBSET_7

REPLAY_FILE = Path(__file__).parent / "weights" / "replay.npz"

FIRST_PERSON = 32
"""People before this one may have been in the training of a model that ships."""

TRAINED_PEOPLE, TRAINED_EACH = 80, 3
GATE_PEOPLE, GATE_EACH = 24, 3

_SIZE = 256
_QUALITY = 82


class ReplayError(RedError):
    """A replay file that can't be read."""


@dataclass
class Replay:
    """Faces to train on beside corrections, and faces of other people to test on."""

    trained: FaceSet
    gate: FaceSet


def load_replay(path: str | Path = REPLAY_FILE, n_landmarks: int = 68) -> Replay:
    """Read a replay file.

    Parameters
    ----------
    path : what :func:`make_replay` wrote
    n_landmarks : 68, or 7 for the subset of a 7-point network

    Raises
    ------
    ReplayError
        If it is missing or isn't one.
    """
    path = Path(path)
    try:
        with np.load(path) as data:
            jpeg, ends = data["jpeg"], data["ends"]
            landmarks, people, gate = data["landmarks"], data["person"], data["gate"]
    except FileNotFoundError:
        raise ReplayError(
            f"{path}: the replay set is missing; install napari-red again, or make it with "
            "scripts/make_replay.py"
        ) from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ReplayError(
            f"{path}: isn't a replay set ({error}); make it again with scripts/make_replay.py"
        ) from error
    patches = np.stack([_decoded(path, part) for part in np.split(jpeg, ends[:-1])])
    if n_landmarks == len(SUBSET_7):
        landmarks = landmarks[:, list(SUBSET_7)]
    return Replay(
        _faces(patches[~gate], landmarks[~gate], people[~gate]),
        _faces(patches[gate], landmarks[gate], people[gate]),
    )


def make_replay(path: str | Path) -> tuple[int, int]:
    """Render the replay set and write it; the numbers of trained-on and of gate faces.

    Raises
    ------
    HeadsError
        If nothing can be rendered here.
    """
    people = _training_people()
    rows = []
    for gate, count, each in (
        (False, TRAINED_PEOPLE, TRAINED_EACH),
        (True, GATE_PEOPLE, GATE_EACH),
    ):
        for _ in range(count):
            rows += _rendered(next(people), each, gate)
    jpegs, landmarks, numbers, gates = zip(*rows, strict=True)
    np.savez(
        path,
        jpeg=np.concatenate(jpegs),
        ends=np.cumsum([len(one) for one in jpegs]),
        landmarks=np.stack(landmarks),
        person=np.array(numbers, np.int32),
        gate=np.array(gates),
    )
    return gates.count(False), gates.count(True)


def _training_people() -> Iterator[int]:
    number = FIRST_PERSON
    while True:
        if split_of(number) == "train":
            yield number
        number += 1


def _rendered(
    person: int, count: int, gate: bool
) -> list[tuple[np.ndarray, np.ndarray, int, bool]]:
    from trainer.heads.clips import render_stills

    rows = []
    for still in render_stills(person, count, size=_SIZE, per_scene=1):
        patch, landmarks = patch_of(still.image, still.contour)
        _, jpeg = cv2.imencode(
            ".jpg", cv2.cvtColor(patch, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        rows.append((jpeg.ravel(), landmarks.astype(np.float32), person, gate))
    return rows


def _decoded(path: Path, jpeg: np.ndarray) -> np.ndarray:
    image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    if image is None or image.shape != (PATCH_SIZE, PATCH_SIZE, 3):
        raise ReplayError(f"{path}: a picture in it is damaged; make it again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _faces(patches: np.ndarray, landmarks: np.ndarray, people: np.ndarray) -> FaceSet:
    return FaceSet(
        patches=patches,
        landmarks=landmarks.astype(np.float32),
        # Made-up people are nobody that f_CLS should know.
        identities=np.full(len(patches), -1, np.int64),
        groups=[f"head {number}" for number in people],
        people=[],
        order=np.arange(len(patches)),
    )
