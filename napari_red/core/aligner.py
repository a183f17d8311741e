"""What finds landmarks, as the work with it sees it.

:class:`trainer.alignment.SequentialAligner` is one in this process,
:class:`napari_red.core.aligner_process.AlignerProcess` one in a process of its own.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

import numpy as np

from trainer.data.video import Video
from trainer.geometry import FaceBox
from trainer.shape_residuals import CorrectedFaces


class AlignedFrameLike(Protocol):
    """One frame's result: ``landmarks (F, L, 2)`` xy, NaN where lost; ``confidence (F, L)``;
    ``disagreement (F,)``, NaN where unknown."""

    @property
    def frame(self) -> int: ...
    @property
    def landmarks(self) -> np.ndarray: ...
    @property
    def confidence(self) -> np.ndarray: ...
    @property
    def disagreement(self) -> np.ndarray: ...


class Answerer(Protocol):
    """Says where landmarks are: see :meth:`trainer.alignment.SequentialAligner.answers`."""

    def answers(self, video: Video, faces: Sequence[tuple[int, np.ndarray]]) -> np.ndarray: ...


class Aligner(Answerer, Protocol):
    """Goes through a video: see :meth:`trainer.alignment.SequentialAligner.run`."""

    def run(
        self,
        video: Video,
        *,
        faces: int = 1,
        boxes: Sequence[FaceBox | None] | None = None,
        start: int = 0,
        stop: int | None = None,
        corrections: Mapping[tuple[int, int], np.ndarray] | None = None,
        initial: np.ndarray | None = None,
        corrected: CorrectedFaces | None = None,
        people: Sequence[str] = (),
    ) -> Generator[AlignedFrameLike, None, None]: ...


class Follower(Protocol):
    """Follows a face: see :meth:`trainer.alignment.SequentialAligner.follow`; each frame has
    one face."""

    def follow(
        self, video: Video, frame: int, landmarks: np.ndarray, stop: int
    ) -> Generator[AlignedFrameLike, None, None]: ...
