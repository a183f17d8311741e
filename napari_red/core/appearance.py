"""How the landmarks of a frame are drawn: colour, form, size, which of them at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from napari_red.core.edits import INTERPOLATED
from napari_red.core.frame_view import FrameView
from napari_red.core.palette import CORRECTED_COLOUR, landmark_colours, opacity
from trainer.palette import GROUP_COLOURS
from trainer.scheme import scheme_for

POINT_PART = 0.028
"""Diameter of a point, as a part of the face's extent."""

SMALLEST_POINT = 2.0
"""Diameter in video pixels below which no point shrinks."""

COLOURINGS = ("group", "confidence", "source")
LABELS = ("none", "numbers", "names")

DISC, DIAMOND, RING = range(3)
"""Forms: found by a model, put there by a person, not visible."""

UNSURE, MIDDLING, SURE = (213, 62, 40), (250, 220, 120), (60, 150, 235)
"""Colours of confidence 0, one half and 1; they differ for colour-blind people too."""

PERSON = (255, 255, 255)
STRAIGHT = (230, 159, 0)
MODELS = ((86, 180, 233), (204, 121, 167), (0, 200, 140), (240, 228, 66), (160, 140, 255))
UNKNOWN = (150, 150, 150)


@dataclass(frozen=True)
class Look:
    """What a person chose to see.

    Attributes
    ----------
    colour_by : one of COLOURINGS; "source" is who placed the landmark
    group : the only facial part to show; all if empty
    not_visible : whether landmarks that are not visible are drawn, as rings
    contours : whether lines join the landmarks
    labels : one of LABELS
    size : factor on the size of the points
    """

    colour_by: str = "group"
    group: str = ""
    not_visible: bool = True
    contours: bool = True
    labels: str = "none"
    size: float = 1.0

    def but(self, **changes: object) -> Look:
        """The same with something else."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Appearance:
    """How each of the F × L landmarks is drawn, face after face.

    Attributes
    ----------
    face, border : (F * L, 4) float32 arrays, RGBA in 0 … 1
    form : (F * L,) int array of DISC, DIAMOND and RING
    size : (F * L,) float64 array, diameter in video pixels
    border_width : (F * L,) float64 array, parts of the diameter
    shown : (F * L,) bool array
    line : (F, L, 4) float32 array: RGBA of lines that begin or end at the landmark
    """

    face: np.ndarray
    border: np.ndarray
    form: np.ndarray
    size: np.ndarray
    border_width: np.ndarray
    shown: np.ndarray
    line: np.ndarray


def appearance(view: FrameView, look: Look, models: Mapping[int, str]) -> Appearance:
    """How a frame's landmarks are drawn.

    Parameters
    ----------
    models : number of each run to the name of its model
    """
    n_faces, n_landmarks = view.confidence.shape
    labelled = np.isfinite(view.landmarks).all(axis=-1)
    wanted = labelled & in_group(n_landmarks, look.group)
    colours = _colours(view, look, models)
    alpha = np.ones_like(view.confidence) if look.colour_by != "group" else opacity(view.confidence)
    face = np.empty((n_faces, n_landmarks, 4), np.float32)
    face[..., :3], face[..., 3] = colours, alpha
    line = face.copy()
    line[..., 3] = alpha * (wanted & ~view.hidden)
    border = np.zeros_like(face)
    border[..., 3] = 0.5 * alpha
    border[view.corrected] = (*np.array(CORRECTED_COLOUR) / 255, 1)
    border[view.hidden] = face[view.hidden]
    border[view.hidden, 3] = 0.9
    face[view.hidden, 3] = 0
    form = np.where(view.hidden, RING, np.where(view.corrected, DIAMOND, DISC))
    size = np.repeat(point_sizes(view)[:, None] * look.size, n_landmarks, axis=1)
    size *= np.where(form == DISC, 1, 1.4)
    return Appearance(
        face=face.reshape(-1, 4),
        border=border.reshape(-1, 4),
        form=form.reshape(-1),
        size=size.reshape(-1),
        border_width=np.where(view.hidden, 0.22, 0.15).reshape(-1),
        shown=(wanted & (look.not_visible | ~view.hidden)).reshape(-1),
        line=line,
    )


def point_sizes(view: FrameView) -> np.ndarray:
    """(F,) float64 array: diameter of the points of each face in video pixels."""
    sizes = np.zeros(len(view.landmarks))
    for face, landmarks in enumerate(view.landmarks):
        finite = landmarks[np.isfinite(landmarks).all(axis=1)]
        if len(finite):
            extent = float(np.ptp(finite, axis=0).max())
            sizes[face] = max(POINT_PART * extent, SMALLEST_POINT)
    return sizes


def in_group(n_landmarks: int, group: str) -> np.ndarray:
    """(L,) bool array: the landmarks of a facial part, all of them if it is empty."""
    if not group:
        return np.ones(n_landmarks, bool)
    return np.array([name == group for name in scheme_for(n_landmarks).group_of()])


def label_texts(n_landmarks: int, labels: str) -> list[str]:
    """What stands beside each landmark of a face: its number from 1, as on iBUG's picture,
    or its facial part and number in it."""
    if labels == "numbers":
        return [str(index + 1) for index in range(n_landmarks)]
    texts = [""] * n_landmarks
    if labels == "names":
        for group, indices in scheme_for(n_landmarks).groups.items():
            for number, index in enumerate(indices, 1):
                texts[index] = f"{group} {number}"
    return texts


def readable_on(picture: np.ndarray) -> str:
    """The name of the colour in which text can be read on a (H, W, 3 or 4) uint8 picture,
    whose black parts may be its margin."""
    grey = picture[..., :3].mean(axis=-1)
    seen = grey[grey > 0]
    return "black" if len(seen) and seen.mean() > 130 else "white"


def legend(look: Look, models: Mapping[int, str]) -> list[tuple[str, tuple[int, int, int]]]:
    """(word, RGB) of each colour that means something in this look."""
    if look.colour_by == "confidence":
        return [("unsure", UNSURE), ("half", MIDDLING), ("sure", SURE)]
    if look.colour_by == "source":
        return [("person", PERSON), *source_colours(models).items()]
    return list(GROUP_COLOURS.items())


def source_colours(models: Mapping[int, str]) -> dict[str, tuple[int, int, int]]:
    """Name of each model to its colour, in the order in which they ran."""
    names = list(dict.fromkeys(models[run] for run in sorted(models)))
    found = {name: MODELS[i % len(MODELS)] for i, name in enumerate(_without_straight(names))}
    if INTERPOLATED in names:
        found[INTERPOLATED] = STRAIGHT
    return found


def confidence_colours(confidence: np.ndarray) -> np.ndarray:
    """(..., 3) float64 array, RGB in 0 … 1, of confidence in 0 … 1; NaN is unsure."""
    known = np.clip(np.nan_to_num(confidence, nan=0.0), 0, 1)
    stops = np.array([UNSURE, MIDDLING, SURE]) / 255
    return np.stack([np.interp(known, (0, 0.5, 1), stops[:, i]) for i in range(3)], axis=-1)


def _colours(view: FrameView, look: Look, models: Mapping[int, str]) -> np.ndarray:
    n_faces, n_landmarks = view.confidence.shape
    if look.colour_by == "confidence":
        return confidence_colours(view.confidence)
    if look.colour_by == "source":
        by_name = source_colours(models)
        colours = np.empty((n_faces, n_landmarks, 3))
        for face, run in enumerate(view.run):
            colours[face] = np.array(by_name.get(models.get(int(run), ""), UNKNOWN)) / 255
        colours[view.corrected] = np.array(PERSON) / 255
        return colours
    return np.broadcast_to(landmark_colours(scheme_for(n_landmarks)), (n_faces, n_landmarks, 3))


def _without_straight(names: list[str]) -> list[str]:
    return [name for name in names if name != INTERPOLATED]
