"""Made annotation: two faces with gaps, hidden and missing landmarks, corrections."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation

NAME = "Gespräch 1 & 2"


def made_face(
    face: int, frames: list[int], identity: str | None = None, seed: int = 0
) -> FaceAnnotation:
    """A face with random landmarks inside 320 × 240, every property different per landmark."""
    rng = np.random.default_rng(seed + face)
    n = len(frames)
    landmarks = (rng.random((n, 68, 2)) * (310, 230) + 4).round(3)
    visible = rng.random((n, 68)) > 0.2
    confidence = rng.random((n, 68)).round(4)
    corrected = np.zeros((n, 68), dtype=bool)
    if face == 0:
        corrected[0, :5] = True
    landmarks[1:2, 30] = np.nan
    visible[1:2, 30] = corrected[1:2, 30] = False
    confidence[0, 7] = np.nan
    return FaceAnnotation(
        face,
        f"face {face + 1}",
        identity,
        np.array(frames, np.int64),
        landmarks,
        confidence,
        visible,
        corrected,
        np.array([(row + face) % 2 == 0 for row in range(n)], dtype=bool),
        tuple("red-lite" if row else None for row in range(n)),
    )


def made_video(
    name: str = NAME, n_frames: int = 12, path: Path | None = None, faces: int = 2
) -> VideoAnnotation:
    """A video with a variable rate; face 1 lacks frame 3, face 2 is in frames 3 to 6 only."""
    annotated = [[0, 1, 2, 4, 5, n_frames - 1], [3, 4, 5, 6]]
    people = ["Zoë <Öz>", None]
    times = np.cumsum(np.linspace(0.02, 0.06, n_frames))
    return VideoAnnotation(
        path,
        name,
        n_frames,
        240,
        320,
        25.0,
        times,
        None,
        tuple(made_face(f, annotated[f], people[f]) for f in range(faces)),
    )


def same_landmarks(got: list[FaceAnnotation], wanted: VideoAnnotation, atol: float = 1e-3) -> None:
    """Every face in every frame, point by point."""
    assert len(got) == len(wanted.faces)
    for face, other in zip(got, wanted.faces, strict=True):
        np.testing.assert_array_equal(face.frames, other.frames)
        np.testing.assert_allclose(face.landmarks, other.landmarks, atol=atol, rtol=0)
