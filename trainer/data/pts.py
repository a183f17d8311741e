"""iBUG annotation files (``.pts``): the only place that knows they count from 1."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from trainer.errors import RedError


class PtsError(RedError):
    """An annotation file that can't be read or written."""


def read_pts(path: str | Path, n_landmarks: int | None = 68) -> np.ndarray:
    """Read one ``.pts`` file.

    A byte order mark, CRLF line ends, commas between the numbers and blank lines
    are tolerated, because programs in use write them. ``nan`` is an unlabelled
    landmark.

    Parameters
    ----------
    path : path of the file
    n_landmarks : int or None
        How many landmarks the scheme in use has; None takes any number.

    Returns
    -------
    (L, 2) float32 array, xy in pixels, **0-based**, NaN where unlabelled

    Raises
    ------
    PtsError
        If the file is missing, isn't a ``.pts`` file, or has another number of landmarks.
    """
    path = Path(path)
    lines = [line.strip() for line in _text(path).splitlines()]
    try:
        first, last = lines.index("{"), lines.index("}")
    except ValueError:
        raise PtsError(
            f"{path}: no block between '{{' and '}}', so this isn't a .pts annotation file; "
            "export it again"
        ) from None
    rows = [(n, line) for n, line in enumerate(lines[first + 1 : last], first + 2) if line]
    points = np.array([_point(path, n, line) for n, line in rows], np.float64).reshape(-1, 2)
    declared = _declared(lines[:first])
    if declared is not None and declared != len(points):
        raise PtsError(f"{path}: says n_points: {declared} and has {len(points)}; export it again")
    if n_landmarks is not None and len(points) != n_landmarks:
        raise PtsError(
            f"{path}: {len(points)} points, the {n_landmarks}-point scheme needs {n_landmarks}; "
            "export it again or choose another scheme"
        )
    points[~np.isfinite(points).all(axis=1)] = np.nan
    return (points - 1).astype(np.float32)


def write_pts(path: str | Path, landmarks: np.ndarray) -> None:
    """Write one ``.pts`` file, completely or not at all.

    Parameters
    ----------
    path : path of the file; its folder must exist
    landmarks : (L, 2) array, xy in pixels, 0-based, NaN where unlabelled

    Raises
    ------
    PtsError
        If ``landmarks`` has another shape or the file can't be written.
    """
    path = Path(path)
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.ndim != 2 or landmarks.shape[1] != 2:
        raise PtsError(f"{path}: landmarks have shape {landmarks.shape}, needed is (L, 2)")
    rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in landmarks + 1)
    text = f"version: 1\nn_points: {len(landmarks)}\n{{\n{rows}\n}}\n"
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="ascii")
        os.replace(partial, path)
    except OSError as error:
        raise PtsError(
            f"{path}: can't be written ({error.strerror}); choose a folder you may write to"
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PtsError(f"{path}: can't be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise PtsError(f"{path}: isn't text, so isn't a .pts annotation file") from error


def _point(path: Path, number: int, line: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in line.replace(",", " ").split())
    except ValueError:
        raise PtsError(
            f"{path}, line {number}: '{line[:40]}' isn't a pair of numbers; correct that line"
        ) from None
    return x, y


def _declared(header: list[str]) -> int | None:
    for line in header:
        key, _, value = line.partition(":")
        if key.strip() == "n_points" and value.strip().isdigit():
            return int(value)
    return None
