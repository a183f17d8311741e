"""From a peer's own points to the 68 of iBUG.

mediapipe's mesh has no point list of iBUG's. The published correspondence of P. Yan
(github.com/PeizhiYan/Mediapipe_2_Dlib_Landmarks, 2024; one or two mesh points for a landmark)
is the base. Three things differ, each in mediapipe's favour on training people (263 faces
of YouTube Faces, 145 of Helen; error of the landmark raw, in per cent of interocular):
landmark 13 is made the mirror image of 3; jaw landmarks 2, 4, 6 and 7 use mesh points that
other published lists use, alone or averaged (2: 13.3 to 8.6 and 13.3 to 7.8; 6: 10.4 to 8.5
and 14.0 to 6.6); 55 and 59 use the lower lip's next point (10.0 to 5.0 and 5.4 to 3.8).
"""

from __future__ import annotations

import numpy as np

from trainer.scheme import IBUG68

# Landmarks on the image's left half of an upright face and on its middle line.
_LEFT = {
    0: (127,), 1: (234,), 2: (93, 132), 3: (132, 58), 4: (172,), 5: (136,), 6: (149,),
    7: (176, 148), 8: (152,),
    17: (70,), 18: (63,), 19: (105,), 20: (66,), 21: (107,),
    27: (168, 6), 28: (197, 195), 29: (5,), 30: (4,), 31: (75,), 32: (97,), 33: (2,),
    36: (33,), 37: (160,), 38: (158,), 39: (133,), 40: (153,), 41: (144,),
    48: (61,), 49: (39,), 50: (37,), 51: (0,), 57: (17,), 58: (84,), 59: (181,),
    60: (78,), 61: (82,), 62: (13,), 66: (14,), 67: (87,),
}  # fmt: skip

MESH_MIRROR = {
    127: 356, 234: 454, 93: 323, 132: 361, 58: 288, 172: 397, 136: 365, 149: 378,
    176: 400, 148: 377, 152: 152,
    70: 300, 63: 293, 105: 334, 66: 296, 107: 336,
    168: 168, 6: 6, 197: 197, 195: 195, 5: 5, 4: 4, 75: 305, 97: 326, 2: 2,
    33: 263, 160: 387, 158: 385, 133: 362, 153: 380, 144: 373,
    61: 291, 39: 269, 37: 267, 0: 0, 17: 17, 84: 314, 181: 405,
    78: 308, 82: 312, 13: 13, 14: 14, 87: 317,
}  # fmt: skip
"""Mesh points used here and what they are on the mirrored face."""


def _rows() -> tuple[tuple[int, ...], ...]:
    rows: list[tuple[int, ...]] = [()] * IBUG68.n_landmarks
    for landmark, points in _LEFT.items():
        rows[landmark] = points
        rows[IBUG68.flip[landmark]] = tuple(MESH_MIRROR[point] for point in points)
    return tuple(rows)


MESH_TO_68 = _rows()
"""For each of the 68 landmarks the mesh points whose mean it is."""


def mesh_to_68(mesh: np.ndarray) -> np.ndarray:
    """mediapipe's mesh, (..., 468 or 478, 2), to the 68 landmarks, (..., 68, 2), float32."""
    return np.stack([mesh[..., list(row), :].mean(axis=-2) for row in MESH_TO_68], axis=-2).astype(
        np.float32
    )


def to_68(points: np.ndarray) -> np.ndarray:
    """A peer's points, (faces, 68 or 468 or 478, 2), to (faces, 68, 2)."""
    if not len(points):
        return np.empty((0, IBUG68.n_landmarks, 2), np.float32)
    return points if points.shape[-2] == IBUG68.n_landmarks else mesh_to_68(points)
