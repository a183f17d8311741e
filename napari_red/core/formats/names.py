"""What landmarks are called in files, and which landmark a name in a file means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import count, pairwise

from napari_red.core.annotation import FaceAnnotation
from napari_red.core.formats.base import FormatError
from trainer.scheme import scheme_for

_ANYBODY = re.compile(r"(face|individual|animal|track|instance)[ _-]*\d*", re.IGNORECASE)
"""Names that programs make up. A number alone is somebody's: participants often have one."""

_NUMBERED = re.compile(r"(.+) \((\d+)\)", re.DOTALL)


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


def individuals(faces: Sequence[FaceAnnotation], reserved: Sequence[str] = ()) -> dict[int, str]:
    """Slot to a name for files that have one name for a face: the identity if there is
    one, else the face's name; a name that occurs twice, or is reserved, gets a number."""
    names = {face.face: face.identity or face.name or f"face {face.face + 1}" for face in faces}
    many = Counter(names.values())
    numbered = {name for name in many if many[name] > 1 or name in reserved}
    taken = set(many) | set(reserved)
    found = {}
    for slot, name in sorted(names.items()):
        free = (f"{name} ({number})" for number in count(slot + 1))
        found[slot] = next(new for new in free if new not in taken) if name in numbered else name
        taken.add(found[slot])
    return found


def identities(names: Sequence[str], reserved: Sequence[str] = ()) -> dict[str, str | None]:
    """The inverse of :func:`individuals`: who the faces of a file are.

    None for names that programs give to anybody, such as ``face 1`` and ``track_0``. Names
    that differ in a rising number in parentheses are one person's.

    Parameters
    ----------
    names : one for each face, distinct, in the order of the file
    """
    numbers: dict[str, list[int]] = {}
    for match in filter(None, map(_NUMBERED.fullmatch, names)):
        numbers.setdefault(match[1], []).append(int(match[2]))
    ours = {
        name
        for name, found in numbers.items()
        if name in reserved or (len(found) > 1 and found == sorted(found) and name not in names)
    }

    def identity(name: str) -> str | None:
        match = _NUMBERED.fullmatch(name)
        if match and match[1] in ours:
            name = match[1]
        return None if not name.strip() or _ANYBODY.fullmatch(name) else name

    return {name: identity(name) for name in names}
