"""What alignment says of one frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trainer.geometry import FaceBox


@dataclass
class AlignedFrame:
    """The faces of one frame. F is the number of slots; a face keeps its slot.

    Attributes
    ----------
    frame : 0-based number in the video
    landmarks : (F, L, 2) float32, xy in video pixels, NaN where there is no face
    confidence : (F, L) float32, 0 to 1: how likely the landmark is within 5 % of the
        interocular distance; NaN where there is no face, 1 where corrected
    boxes : around each face's landmarks, None where there is no face
    seconds : this frame's share of "decode", "detect" and "network"; decoding runs beside
        the other two
    notes : what happened, in words: a face lost, found, turned away or hidden, an
        unreadable frame
    disagreement : (F,) float32, mean distance between the response maps' and f_REG's
        landmarks, in sides of the upright face box; NaN where there is no face, where it was
        corrected and where the model doesn't ask f_REG
    """

    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray
    boxes: list[FaceBox | None]
    seconds: dict[str, float]
    notes: list[str] = field(default_factory=list)
    disagreement: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.disagreement = np.full(len(self.landmarks), np.nan, np.float32)

    @classmethod
    def empty(cls, number: int, n_faces: int, n_landmarks: int, notes: list[str]) -> AlignedFrame:
        """A frame without a face."""
        return cls(
            number,
            np.full((n_faces, n_landmarks, 2), np.nan, np.float32),
            np.full((n_faces, n_landmarks), np.nan, np.float32),
            [None] * n_faces,
            {"decode": 0.0, "detect": 0.0, "network": 0.0},
            notes,
        )

    def put(
        self,
        slot: int,
        landmarks: np.ndarray,
        confidence: np.ndarray,
        disagreement: float = float("nan"),
    ) -> None:
        """Fill one slot; all-NaN landmarks empty it."""
        self.landmarks[slot], self.confidence[slot] = landmarks, confidence
        self.disagreement[slot] = disagreement
        seen = np.isfinite(landmarks).all(axis=-1).any()
        self.boxes[slot] = FaceBox.around(landmarks) if seen else None
