"""Sets of annotated pictures in the layouts people publish.

A still is a picture and a ``.pts`` file of the same name. In 300-W's sets (Helen, LFPW,
AFW, iBUG) they lie side by side in one folder; with one folder per person, as LFW and
YouTube Faces have it, the folder above the pictures (or above the videos) is the identity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data.pts import read_pts
from trainer.errors import RedError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


class StillsError(RedError):
    """A folder of stills that can't be used."""


@dataclass(frozen=True)
class Still:
    """One annotated face.

    ``group`` is what must not be split between training and testing (a person, or the
    photo several faces come from); ``identity`` the person, or None if unknown; ``shift``
    how many pixels its labels lie to the right of and below what they mark (one number for
    both, or two), see
    :mod:`trainer.label_shift`; ``folder`` the set's, as a full path.
    """

    image: Path
    annotation: Path
    group: str
    identity: str | None
    shift: float | tuple[float, float] = 0.0
    folder: str = ""

    def landmarks(self, n_landmarks: int = 68) -> np.ndarray:
        """(L, 2) float32 xy in pixels, 0-based, the shift taken off; NaN where unlabelled.

        Raises
        ------
        PtsError
            If the annotation can't be read or has another number of landmarks.
        """
        return read_pts(self.annotation, n_landmarks) - np.asarray(self.shift, np.float32)


def find_stills(
    folder: str | Path,
    *,
    only: Collection[str] | None = None,
    exclude: Collection[str] = (),
    shift: float | tuple[float, float] = 0.0,
) -> list[Still]:
    """All annotated pictures under ``folder``, in a fixed order.

    Parameters
    ----------
    folder : folder of a set
    only, exclude : group names to keep, or to leave out
    shift : of all its labels, in pixels to the right and down, one number for both or two

    Raises
    ------
    StillsError
        If the folder is missing or holds no picture with its ``.pts`` file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StillsError(f"{folder}: no such folder; give a folder of pictures with .pts files")
    whole = str(folder.resolve())
    stills = []
    for annotation in sorted(folder.rglob("*.pts")):
        image = _picture_of(annotation)
        if image is None:
            continue
        parents = annotation.relative_to(folder).parts[:-1]
        identity = parents[0] if parents else None
        group = identity or photo_name(annotation.stem)
        if group in exclude or (only is not None and group not in only):
            continue
        stills.append(Still(image, annotation, group, identity, shift, whole))
    if not stills:
        raise StillsError(
            f"{folder}: no picture with a .pts file of the same name is left to use; "
            "check the folder and the lists of names"
        )
    return stills


def set_name(folder: str | Path) -> str:
    """A set's name in reports: the last two parts of its folder."""
    return "/".join(Path(folder).resolve().parts[-2:])


def photo_name(stem: str) -> str:
    """The photo a face comes from: ``NAME_k`` is the k-th face of photo NAME."""
    return re.sub(r"_\d+$", "", stem)


def fold_of(group: str, folds: int) -> int:
    """A fixed, even split by name: the same group is in the same fold everywhere.

    The salt makes it independent of lists that were drawn by the names' plain hash, such as
    ``set_aside.txt``; without it, leaving those out would empty a fold.
    """
    return int(hashlib.sha1(f"fold of {group}".encode()).hexdigest(), 16) % folds


def split_by_group(stills: Iterable[Still], folds: int) -> tuple[list[Still], list[Still]]:
    """Stills outside and inside fold 0 of ``folds``; a group is never split."""
    outside: list[Still] = []
    inside: list[Still] = []
    for still in stills:
        (outside if fold_of(still.group, folds) else inside).append(still)
    return outside, inside


def read_names(path: str | Path) -> frozenset[str]:
    """Group names from a text file, one a line; lines that start with # are comments.

    Raises
    ------
    StillsError
        If the file can't be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StillsError(f"{path}: can't be read ({error.strerror}); check the path") from error
    return frozenset(line.strip() for line in lines if line.strip() and line[0] != "#")


def _picture_of(annotation: Path) -> Path | None:
    for suffix in PICTURE_SUFFIXES:
        for candidate in (annotation.with_suffix(suffix), annotation.with_suffix(suffix.upper())):
            if candidate.is_file():
                return candidate
    return None
