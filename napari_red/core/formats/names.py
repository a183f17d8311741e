"""What landmarks are called in files, and which landmark a name in a file means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from napari_red.core.annotation import FaceAnnotation
from napari_red.core.formats.base import FormatError
from trainer.scheme import scheme_for


def landmark_names(n_landmarks: int) -> list[str]:
    """Number from 0 and facial part, as in ``lm00_jaw`` and ``lm48_mouth``; only the number
    where there is no such scheme. The number comes first, because some programs (sleap-io
    for DeepLabCut's tables) sort landmarks by name."""
    digits = [f"lm{index:02d}" for index in range(n_landmarks)]
    if n_landmarks not in (68, 7):
        return digits
    groups = scheme_for(n_landmarks).group_of()
    return [f"{digit}_{group}" for group, digit in zip(groups, digits, strict=True)]


def edges(n_landmarks: int) -> list[tuple[int, int]]:
    """Pairs of landmark numbers, from 0, that a line joins."""
    if n_landmarks not in (68, 7):
        return []
    lines = []
    for indices, closed in scheme_for(n_landmarks).contours:
        lines += list(pairwise(indices))
        if closed:
            lines.append((indices[-1], indices[0]))
    return lines


def landmark_order(names: Sequence[str], n_landmarks: int, where: str) -> list[int]:
    """For each landmark of ours, where it is among the names of a file.

    Our own names are looked up; names with numbers 0 to 67 or 1 to 68 in them go by the
    numbers; other names count in the order in which they stand.

    Raises
    ------
    FormatError
        If there is another number of names, or a name twice.
    """
    if len(names) != n_landmarks:
        raise FormatError(
            f"{where}: {len(names)} landmarks, the {n_landmarks}-point scheme needs "
            f"{n_landmarks}; export it again or choose another scheme"
        )
    if len(set(names)) != len(names):
        double = next(name for name in names if list(names).count(name) > 1)
        raise FormatError(f"{where}: the landmark {double!r} is there twice; rename one")
    places = {name: place for place, name in enumerate(names)}
    ours = landmark_names(n_landmarks)
    if set(ours) == set(places):
        return [places[name] for name in ours]
    found = [re.search(r"(\d+)\D*$", name) for name in names]
    numbers = {int(match[1]): place for place, match in enumerate(found) if match}
    for first in (0, 1):
        wanted = range(first, first + n_landmarks)
        if set(numbers) == set(wanted):
            return [numbers[number] for number in wanted]
    return list(range(n_landmarks))


def individuals(faces: Sequence[FaceAnnotation]) -> dict[int, str]:
    """Slot to a name for files that have one name for a face: the identity if there is
    one, else the face's name; a name that occurs twice gets the slot's number."""
    names = {face.face: face.identity or face.name or f"face {face.face + 1}" for face in faces}
    every = list(names.values())
    return {
        slot: name if every.count(name) == 1 else f"{name} ({slot + 1})"
        for slot, name in names.items()
    }
