"""The strip's columns as a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.strip import StripColumns

HEIGHT = 26
"""Pixels."""

_MARKS, _DONE = 6, 4  # rows for corrected frames at the top and for accepted ones at the bottom
_STOPS = np.array([0.0, 0.35, 0.6, 0.8, 1.0])
_RAMP = np.array([[200, 40, 60], [214, 84, 60], [232, 176, 60], [92, 150, 190], [58, 120, 180]])
_JUMP = (232, 80, 200)
_LOST = (200, 40, 60)
_ACCEPTED = (76, 175, 110)
_PROPOSED = (150, 110, 230)


@dataclass(frozen=True)
class StripColours:
    """RGB of what depends on the theme."""

    ground: tuple[int, int, int] = (65, 72, 81)
    ink: tuple[int, int, int] = (240, 241, 242)


def strip_picture(
    columns: StripColumns, colours: StripColours, proposed: np.ndarray | None = None
) -> np.ndarray:
    """Paint columns.

    Bars are as high as the lowest confidence, and redder where it is lower. Above them
    corrected frames (in the theme's ink) and jumps, below them what is accepted. Frames that
    aren't worked on are dark.

    Parameters
    ----------
    proposed : (W,) bool, columns in which a proposed change lies

    Returns
    -------
    (HEIGHT, W, 4) uint8 array, RGBA
    """
    width = len(columns.confidence)
    picture = np.empty((HEIGHT, width, 4), np.uint8)
    picture[:] = (*colours.ground, 255)
    picture[:, ~columns.worked, :3] //= 2
    known = np.isfinite(columns.confidence)
    confidence = np.nan_to_num(columns.confidence, nan=0.0)
    top, bottom = _MARKS, HEIGHT - _DONE
    colour = np.stack([np.interp(confidence, _STOPS, _RAMP[:, i]) for i in range(3)], axis=-1)
    high = np.ceil(np.clip(confidence, 0.08, 1) * (bottom - top)).astype(int)
    bars = (np.arange(bottom)[:, None] >= bottom - high) & known
    bars[:top] = False
    rows, cols = np.nonzero(bars)
    picture[rows, cols, :3] = colour[cols]
    picture[top : top + 2, columns.lost & known, :3] = _LOST
    if known.any():
        picture[bottom - 2 : bottom, ~known & columns.worked, :3] = _LOST
    picture[:_MARKS, _wider(columns.jump), :3] = _JUMP
    picture[: _MARKS - 1, _wider(columns.corrected), :3] = colours.ink
    picture[bottom + 1 :, columns.accepted, :3] = _ACCEPTED
    if proposed is not None:
        mixed = 0.45 * picture[:bottom, proposed, :3] + 0.55 * np.array(_PROPOSED)
        picture[:bottom, proposed, :3] = mixed.astype(np.uint8)
    return picture


def _wider(mask: np.ndarray) -> np.ndarray:
    """A mark of one column is hard to see: two."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    return wide
