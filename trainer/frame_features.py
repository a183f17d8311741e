"""What is known of every frame of a track without the truth: few numbers, kept for all frames.

They say which frames need a person (:mod:`trainer.ranking`) and draw the strip under the
slider (:mod:`trainer.strip`). They are made chunk by chunk as results come, and are small
enough to be held for a video of a million frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from trainer.face_3d import FACE_3D
from trainer.pose import RIGID_68
from trainer.scheme import SUBSET_7, scheme_for

BEFORE = 2
"""Frames before a chunk that its first frames are compared with."""

WORST = 0.1
"""Part of the landmarks that ``low_confidence`` is the mean of."""

_LEAST = 6  # landmarks that a pose is told from
_AXES = np.array([1.0, -1.0, -1.0])  # the mesh's axes to a camera's: y down, z away
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """Numbers of T frames of one track, each (T,) float32; NaN where the face is lost.

    Attributes
    ----------
    confidence : mean over the landmarks, 0 to 1
    low_confidence : mean over the tenth of the landmarks that has least, 0 to 1
    disagreement : mean distance between the response maps' and f_REG's landmarks, in sides of
        the face box; NaN where not computed
    jump : mean distance of the landmarks from where the two frames before say they would
        be, at rest or moving on, in sides of the face box; NaN after a frame without a face
    oddness : root mean square distance of the landmarks from an average head, turned, moved
        and stretched onto them, in sides of the face box: of expressions and odd shapes
    yaw : degrees, positive when the nose points to the image's right. Beyond 90 either way
        landmarks show the back of a head: left and right may be swapped
    x, y : middle of the face box, video pixels
    side : of the face box, mean of width and height, pixels
    """

    confidence: np.ndarray
    low_confidence: np.ndarray
    disagreement: np.ndarray
    jump: np.ndarray
    oddness: np.ndarray
    yaw: np.ndarray
    x: np.ndarray
    y: np.ndarray
    side: np.ndarray

    def __len__(self) -> int:
        return len(self.confidence)

    @property
    def lost(self) -> np.ndarray:
        """(T,) bool: whether the face is lost."""
        return np.isnan(self.side)

    def to_array(self) -> np.ndarray:
        """(T, K) float16, columns in the order of :data:`NAMES`.

        What is more than float16 holds becomes its largest value; a box's middle is kept to
        a pixel up to 2,048 and to four up to 8,192.
        """
        columns = np.stack([getattr(self, name) for name in NAMES], axis=-1)
        return np.clip(columns, -_LARGEST, _LARGEST).astype(np.float16)

    @classmethod
    def from_array(cls, array: np.ndarray) -> FrameFeatures:
        """The features that :meth:`to_array` kept: (T, K) of any float type.

        Raises
        ------
        ValueError
            If there are not K columns.
        """
        if array.ndim != 2 or array.shape[1] != len(NAMES):
            raise ValueError(
                f"features of shape {array.shape}, expected (frames, {len(NAMES)}); they were "
                "kept by another version, make them again"
            )
        # A copy by columns: each is read on its own, over many frames.
        columns = np.ascontiguousarray(array.T, np.float32)
        return cls(*columns)

    @classmethod
    def joined(cls, parts: Sequence[FrameFeatures]) -> FrameFeatures:
        """Those of neighbouring chunks in one."""
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in NAMES))

    @classmethod
    def unseen(cls, frames: int) -> FrameFeatures:
        """Those of so many frames without a face."""
        return cls(*np.full((len(NAMES), frames), np.nan, np.float32))


JUMP = 0.05
"""Sides of the face box: a landmark jump that is told of."""

NAMES = tuple(field.name for field in fields(FrameFeatures))
"""The K features, in the order in which they are kept."""


def summarise(
    landmarks: np.ndarray,
    confidence: np.ndarray,
    disagreement: np.ndarray,
    before: np.ndarray | None = None,
) -> FrameFeatures:
    """Features of the next frames of a track; chunk by chunk they are the same as at once.

    Parameters
    ----------
    landmarks : (n, L, 2) xy in video pixels, NaN rows where not labelled, all NaN where the
        face is lost; L is 68 or 7
    confidence : (n, L), 0 to 1; NaN counts as not known
    disagreement : (n,), see :class:`trainer.alignment.AlignedFrame`
    before : (b, L, 2) landmarks of the frames right before these, of which the last
        :data:`BEFORE` are used; None at the start of a video
    """
    points = np.asarray(landmarks, np.float32)
    known = np.isfinite(points[..., 0] + points[..., 1])
    seen = known.sum(axis=-1) > 0
    found = FrameFeatures.unseen(len(points))
    if not seen.any():
        return found
    low = np.where(known[..., None], points, np.inf).min(axis=1)[seen]
    high = np.where(known[..., None], points, -np.inf).max(axis=1)[seen]
    side = np.maximum((high - low).mean(axis=-1), 1.0)
    found.side[seen] = side
    found.x[seen], found.y[seen] = ((low + high) / 2).T
    sure = np.where(known, confidence, np.nan)[seen]
    found.confidence[seen] = _mean_known(sure)
    worst = max(round(WORST * points.shape[1]), 1)
    found.low_confidence[seen] = _mean_known(np.partition(sure, worst - 1, axis=-1)[:, :worst])
    found.disagreement[seen] = np.asarray(disagreement)[seen]
    found.jump[seen] = _jumps(points, before)[seen] / side
    apart = _apart(points[seen], known[seen])
    found.oddness[seen] = np.sqrt(_mean_known((apart**2).sum(axis=-1))) / side
    found.yaw[seen] = _yaw(points[seen], known[seen])
    return found


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=-1)
    count = known.sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _jumps(points: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """(n,) pixels: mean distance from rest or from going on, whichever is nearer."""
    shape = (BEFORE, *points.shape[1:])
    past = np.full(shape, np.nan, np.float32)
    if before is not None and len(before):
        given = np.asarray(before, np.float32)[-BEFORE:]
        past[len(past) - len(given) :] = given
    both = np.concatenate([past, points])
    step = both[1:] - both[:-1]
    rest = _mean_known(np.sqrt((step[1:] ** 2).sum(axis=-1)))
    on = _mean_known(np.sqrt(((step[1:] - step[:-1]) ** 2).sum(axis=-1)))
    return np.fmin(rest, on)


def _head(n_landmarks: int, rigid: bool) -> np.ndarray:
    """(L, 4) points of the average head in a camera's axes and a one, zeros where not used."""
    if n_landmarks == len(SUBSET_7):
        face, used = FACE_3D[list(SUBSET_7)], list(range(n_landmarks))
    else:
        face, used = FACE_3D, list(RIGID_68 if rigid else range(n_landmarks))
    columns = np.zeros((n_landmarks, 4))
    columns[used] = np.column_stack([face * _AXES, np.ones(len(face))])[used]
    return columns


def _fit(points: np.ndarray, known: np.ndarray, head: np.ndarray) -> np.ndarray:
    """(n, 4, 2) affine cameras that put the head's points onto the landmarks, least squares.

    NaN where too few landmarks are known. A frame with all of them costs one product.
    """
    used = head.any(axis=-1)
    whole = known[:, used].all(axis=-1)
    cameras = np.full((len(points), 4, 2), np.nan, np.float32)
    if whole.any():
        solve = np.zeros((4, len(head)))
        solve[:, used] = np.linalg.pinv(head[used])
        filled = np.where(known[..., None], points, 0)[whole]
        cameras[whole] = np.einsum("kl,nlc->nkc", solve.astype(np.float32), filled, optimize=True)
    for row in np.flatnonzero(~whole):
        there = known[row] & used
        if there.sum() >= _LEAST:
            cameras[row] = np.linalg.lstsq(head[there], points[row][there], rcond=None)[0]
    return cameras


def _apart(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n, L, 2) pixels: from the average head best laid on each shape to its landmarks."""
    shapes = points - _middle(points, known)[:, None]
    head = _head(points.shape[1], rigid=False)
    laid = np.einsum("lk,nkc->nlc", head.astype(np.float32), _fit(shapes, known, head))
    return shapes - laid


def _yaw(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n,) degrees: of the rotation nearest to the affine camera of the head's rigid part.

    The perspective of :func:`trainer.pose.head_angles` is left out: it would cost more than
    all the rest, and changes the yaw by a few degrees.
    """
    shapes = points - _middle(points, known)[:, None]
    cameras = _fit(shapes, known, _head(points.shape[1], rigid=True))[:, :3].astype(np.float64)
    a, b = cameras[..., 0], cameras[..., 1]
    # Rows of (M Mᵀ)^(-1/2) M, M the camera's two rows, up to their common length.
    aa, ab, bb = (a * a).sum(axis=-1), (a * b).sum(axis=-1), (b * b).sum(axis=-1)
    root = np.sqrt(np.maximum(aa * bb - ab * ab, 0))
    first = (bb + root)[:, None] * a - ab[:, None] * b
    second = (aa + root)[:, None] * b - ab[:, None] * a
    length = np.maximum(np.linalg.norm(first, axis=-1), 1e-12)
    third = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / length
    return np.degrees(np.arctan2(-first[:, 2], third))


def _middle(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n, 2) mean of the known landmarks; float32 keeps its digits for the shape."""
    total = np.where(known[..., None], points, 0).sum(axis=1, dtype=np.float64)
    return (total / np.maximum(known.sum(axis=1), 1)[:, None]).astype(np.float32)


def frames_mask(given: np.ndarray, n_frames: int) -> np.ndarray:
    """(n_frames,) bool of frames given as such, or as (n, 2) first frames and ends of stretches.

    Raises
    ------
    ValueError
        If a mask is of another number of frames, or an array is neither.
    """
    array = np.asarray(given)
    if array.dtype == bool and array.shape == (n_frames,):
        return array
    if array.dtype == bool or not (array.size == 0 or array.shape[1:] == (2,)):
        raise ValueError(
            f"frames given as {array.dtype} of shape {array.shape}; expected ({n_frames},) bool "
            "or (n, 2) first frames and ends"
        )
    change = np.zeros(n_frames + 1, np.int32)
    stretches = np.clip(array.reshape(-1, 2).astype(np.intp), 0, n_frames)
    np.add.at(change, stretches[:, 0], 1)
    np.add.at(change, stretches[:, 1], -1)
    return np.cumsum(change[:-1]) > 0


def beside_head(shapes: np.ndarray) -> np.ndarray:
    """Where landmarks lie beside an average head, turned, moved and stretched onto each shape.

    (n, L, 2) xy in pixels, all finite, to (n, L, 2) in sides of the face box, turned so that
    the line through the outer eye corners is level.
    """
    points = np.asarray(shapes, np.float32)
    left, right = scheme_for(points.shape[1]).eye_corners
    side = np.maximum(np.ptp(points, axis=1).mean(axis=-1), 1.0)
    apart = _apart(points, np.ones(points.shape[:2], bool)) / side[:, None, None]
    eyes = points[:, right] - points[:, left]
    cos, sin = (eyes / np.maximum(np.linalg.norm(eyes, axis=-1), 1e-6)[:, None]).T
    return np.einsum("nlc,ncd->nld", apart, np.stack([[cos, -sin], [sin, cos]]).transpose(2, 0, 1))
