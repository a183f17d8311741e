"""Who a face is: the identity code of a track in a space where one person's videos are near.

The code (C_id of f_ENC, averaged) was learnt along with the landmarks and is weak: of 35
people nobody trained on, 35 % of 123 videos were nearest to another video of the same person
(chance 3 %). Above :data:`SURE` few are left: 5 % of the videos got a name, all of them the right
one, and no stranger did (``make_who_axes.py --sure 0.78``, chosen on these; at 0.75 eleven got
one, two of them a wrong one). Earlier weights knew people better (38 %, and 20 % of the videos
named, 88 % rightly); a model fine-tuned from those is compared in these axes, which fit it less.
red-wide knows people better (43 % nearest) and names as few (7 %, all rightly). f_CLS may be sure
of a project's people once it was trained further on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.data.video_base import Video

if TYPE_CHECKING:
    from trainer.alignment import SequentialAligner

AXES_FOLDER, AXES_SUFFIX = Path(__file__).parent / "weights", ".who.npz"
"""A file for each network that ships, with ``mean`` (E,) and ``axes`` (E, K): linear discriminant
axes of up to four frames each of the videos of 260 people of ytf/train, none of them among those
it was measured on. The length E of a code says which network's it is. ``sure``, where the file
has it, is the likeness from which that network's codes may be one person's; :data:`SURE` else."""

SURE = 0.75
"""Likeness from which two tracks may be one person."""

SURE_CLASS = 0.7
"""Probability of f_CLS from which it is believed."""


@dataclass(frozen=True, eq=False)
class Looks:
    """One face as the network sees it, over some frames.

    Attributes
    ----------
    code : (K,) float32; the inner product of two is their likeness, at most 1, so scaled that
        :data:`SURE` means the same of every network
    people : (name, probability) of f_CLS, the most likely first
    """

    code: np.ndarray
    people: tuple[tuple[str, float], ...] = ()


def look(
    aligner: SequentialAligner, video: Video, faces: Sequence[tuple[int, np.ndarray]]
) -> Looks | None:
    """How a face looks.

    Parameters
    ----------
    faces : (frame, (L, 2) landmarks); some frames of one track, all landmarks finite

    Returns
    -------
    None where there are no faces.
    """
    from trainer.face_network import FaceNetwork  # with torch, which comparing does without

    network = FaceNetwork(aligner.runner, aligner.scheme)
    codes = []
    for frame, landmarks in faces:
        (seen,) = network.follow(video.frame(frame), [landmarks.astype(np.float32)], [None])
        codes.append(seen.identity)
    if not codes:
        return None
    mean = np.mean(codes, axis=0)
    return Looks(_in_axes(mean), _classes(aligner.runner.model, mean, aligner.people))


def likeness(one: Looks, other: Looks) -> float:
    """-1 to 1; see :data:`SURE`."""
    return float(one.code @ other.code) if one.code.shape == other.code.shape else -1.0


def _in_axes(code: np.ndarray) -> np.ndarray:
    known, sure = _axes(len(code)), SURE
    if known is not None:  # another network's codes are compared as they are
        mean, axes, sure = known
        code = (code - mean) @ axes
    length = max(float(np.linalg.norm(code)), 1e-9)
    return (code * (SURE / sure) ** 0.5 / length).astype(np.float32)


@cache
def _axes(length: int) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Mean, axes and ``sure`` for codes of a length; None where no network that ships has such."""
    for path in sorted(AXES_FOLDER.glob(f"*{AXES_SUFFIX}")):
        with np.load(path) as file:
            if len(file["mean"]) == length:
                sure = float(file["sure"]) if "sure" in file else SURE
                return file["mean"].astype(np.float64), file["axes"].astype(np.float64), sure
    return None


def _classes(model: Any, code: np.ndarray, people: Sequence[str]) -> tuple[tuple[str, float], ...]:
    head = getattr(model, "identity", None)
    if head is None or not people:
        return ()
    weight, bias = (part.float().cpu().numpy() for part in (head.linear.weight, head.linear.bias))
    logits = weight @ code + bias
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    order = np.argsort(-chances)[:3]
    return tuple((people[i], float(chances[i])) for i in order if i < len(people))
