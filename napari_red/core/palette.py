"""How landmarks look, in the window and in pictures."""

from __future__ import annotations

import numpy as np

from trainer.palette import GROUP_COLOURS
from trainer.scheme import LandmarkScheme

CORRECTED_COLOUR = (255, 255, 255)
"""RGB of the border round a landmark that a person put there."""

PROPOSED_COLOUR = (255, 64, 255)
"""RGB of what a re-track would put there; no facial part and no face has it."""

FAINTEST = 0.25
"""Opacity of a landmark of which the network says nothing."""


SOLID = 0.6
"""Confidence from which a landmark is drawn solid: on a good frame most of them."""


def landmark_colours(scheme: LandmarkScheme) -> np.ndarray:
    """(L, 3) float64 array, RGB in 0 … 1, in landmark order."""
    return np.array([GROUP_COLOURS[group] for group in scheme.group_of()]) / 255


def opacity(confidence: np.ndarray) -> np.ndarray:
    """How solid a landmark is drawn: confidence 0 … SOLID (NaN = unknown) to FAINTEST … 1."""
    known = np.nan_to_num(np.asarray(confidence, np.float64), nan=0.0)
    return FAINTEST + (1 - FAINTEST) * np.clip(known / SOLID, 0, 1)


FACE_COLOURS = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 200, 140),
    (255, 105, 120),
    (240, 228, 66),
    (150, 110, 230),
    (200, 200, 200),
    (213, 94, 0),
)
"""RGB of the first faces; further ones begin anew."""


def face_colour(face: int) -> tuple[int, int, int]:
    """RGB of a face, by its number from 0."""
    return FACE_COLOURS[face % len(FACE_COLOURS)]
