"""``faces.csv``, beside the ``.pts`` files of a video: what these can't say.

One row for each face in each frame, with the names that the table of all landmarks has for
the same things (:mod:`napari_red.core.formats.tidy`). ``file`` is the ``.pts`` file as seen
from the table, empty where all landmarks are hidden, because then there is none. ``frame``
counts from 0. ``confidence`` is the mean of the face. ``corrected`` and ``hidden`` list
landmarks from 0, in the order of the file's lines, or say ``all``.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import FormatError
from napari_red.core.formats.reading import unreadable
from napari_red.core.formats.tidy import number_text

NAME = "faces.csv"
COLUMNS = (
    "file",
    "video",
    "face",
    "name",
    "identity",
    "frame",
    "time_s",
    "confidence",
    "corrected",
    "hidden",
    "model",
    "accepted",
)


@dataclass(frozen=True)
class Row:
    """What the table says of one ``.pts`` file.

    Attributes
    ----------
    where : the place in the table, for messages
    name, identity : of the face, None where nobody said
    corrected, hidden : landmarks, from 0, or None for all of them
    model : its name, None where none was at work
    """

    where: str
    name: str | None
    identity: str | None
    corrected: tuple[int, ...] | None
    hidden: tuple[int, ...] | None
    model: str | None
    accepted: bool

    def mask(self, which: str, n_landmarks: int) -> np.ndarray:
        """(L,) bool: the landmarks that are ``corrected`` or ``hidden``.

        Raises
        ------
        FormatError
            If there is no such landmark.
        """
        numbers: tuple[int, ...] | None = getattr(self, which)
        if numbers is None:
            return np.ones(n_landmarks, bool)
        if any(number >= n_landmarks for number in numbers):
            raise FormatError(
                f"{self.where}: {which} names landmark {max(numbers)}, and there are "
                f"{n_landmarks}, from 0 to {n_landmarks - 1}; mend the table or export again"
            )
        mask = np.zeros(n_landmarks, bool)
        mask[list(numbers)] = True
        return mask


def write(path: Path, video: VideoAnnotation, files: Sequence[Sequence[str]]) -> None:
    """Write the table of a video.

    Parameters
    ----------
    files : for each face and each of its rows the ``.pts`` file, "" where there is none
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for face, names in zip(video.faces, files, strict=True):
            writer.writerows(_rows(video, face, names))


def read(path: Path) -> dict[Path, Row]:
    """What a table says of each file; nothing where it isn't there or isn't such a table.

    Raises
    ------
    FormatError
        If a row can't be read.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                return {}
            return {
                path.parent / line["file"]: _row(f"{path}, line {reader.line_num}", line)
                for line in reader
                if line["file"]
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, "a table of faces", error) from error


def _rows(
    video: VideoAnnotation, face: FaceAnnotation, files: Sequence[str]
) -> Iterable[tuple[object, ...]]:
    labelled = face.labelled
    corrected, hidden = face.corrected & labelled, ~face.visible & labelled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a row of which nothing is known
        sure = np.nanmean(face.confidence, axis=1)
    for row, frame in enumerate(face.frames.tolist()):
        yield (
            files[row],
            video.name,
            face.face,
            face.name,
            face.identity,
            frame,
            number_text(video.time(frame), ".6f"),
            number_text(float(sure[row]), ".4f"),
            _numbers(corrected[row], labelled[row]),
            _numbers(hidden[row], labelled[row]),
            face.models[row],
            "true" if face.accepted[row] else "false",
        )


def _numbers(which: np.ndarray, labelled: np.ndarray) -> str:
    if which.any() and (which == labelled).all():
        return "all"
    return " ".join(map(str, np.flatnonzero(which)))


def _row(where: str, line: dict[str, str | None]) -> Row:
    accepted = (line["accepted"] or "").strip().lower()
    if accepted not in ("true", "false"):
        raise FormatError(f"{where}: accepted is {accepted!r}; write true or false")
    return Row(
        where,
        line["name"] or None,
        line["identity"] or None,
        _landmarks(where, "corrected", line["corrected"]),
        _landmarks(where, "hidden", line["hidden"]),
        line["model"] or None,
        accepted == "true",
    )


def _landmarks(where: str, what: str, text: str | None) -> tuple[int, ...] | None:
    words = (text or "").split()
    if words == ["all"]:
        return None
    with suppress(ValueError):  # a spreadsheet or pandas makes 30.0 of a single 30
        numbers = [float(word) for word in words]
        if all(number.is_integer() and number >= 0 for number in numbers):
            return tuple(int(number) for number in numbers)
    raise FormatError(
        f"{where}: {what} is {text!r}; write numbers of landmarks, from 0, with spaces between, "
        "or all"
    )
