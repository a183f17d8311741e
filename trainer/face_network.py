"""The network on faces of one picture, and in crops laid by what is known of them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from trainer.detection import DetectedFace, box_of_landmarks
from trainer.devices import Runner
from trainer.geometry import CropTransform, FaceBox
from trainer.models.temporal import join_states
from trainer.scheme import LandmarkScheme
from trainer.tracking import FaceResult, upright_crop

JUMP = 0.7
"""A followed face whose landmark box overlaps that of the frame before by less (IoU) is looked
at once more, in a crop laid anew: it may have left the first one in part."""


class FaceNetwork:
    """The network on faces of one picture: one call for all of them."""

    def __init__(self, runner: Runner, scheme: LandmarkScheme) -> None:
        self.runner = runner
        self.scheme = scheme
        self.seconds = 0.0

    def start(
        self, image: np.ndarray, boxes: list[FaceBox], *, around_landmarks: bool = False
    ) -> list[FaceResult]:
        """Faces from their boxes, starting at the mean shape; then once more from there.

        The second pass sees a crop laid by the landmarks, better than any detector's.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB array
        boxes : of the faces, as a detector or a person draws them, around 68 landmarks;
            with ``around_landmarks`` those around the scheme's own landmarks, be they 7
        """
        if not around_landmarks:
            boxes = [box_of_landmarks(box, self.scheme.n_landmarks) for box in boxes]
        crops = [
            CropTransform.from_box(box, angle=box.angle if isinstance(box, DetectedFace) else 0.0)
            for box in boxes
        ]
        fresh = [None] * len(boxes)
        first = [face.landmarks for face in self._align(image, crops, None, fresh)]
        return self._align(image, self._crops(first), first, fresh)

    def follow(
        self, image: np.ndarray, landmarks: list[np.ndarray], states: list[Any]
    ) -> list[FaceResult]:
        """Faces from where they were in the frame before; those that jumped, twice.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB array
        landmarks : of each face, (L, 2) xy in image pixels, all finite
        states : of each face, batch of one; None is the start of a video
        """
        faces = self._align(image, self._crops(landmarks), landmarks, states, tracked=True)
        jumped = [i for i, face in enumerate(faces) if _overlap(face, landmarks[i]) < JUMP]
        seen = [faces[i].landmarks for i in jumped]
        again = self._align(
            image, self._crops(seen), seen, [states[i] for i in jumped], tracked=True
        )
        for i, face in zip(jumped, again, strict=True):
            if face.confidence.mean() >= faces[i].confidence.mean():
                faces[i] = face
        return faces

    def _crops(self, landmarks: list[np.ndarray]) -> list[CropTransform]:
        return [upright_crop(points, self.scheme.eye_corners) for points in landmarks]

    def _align(
        self,
        image: np.ndarray,
        crops: list[CropTransform],
        landmarks: list[np.ndarray] | None,
        states: list[Any],
        *,
        tracked: bool = False,
    ) -> list[FaceResult]:
        if not crops:
            return []
        begin = time.perf_counter()
        device = self.runner.device
        pictures = torch.from_numpy(np.stack([crop.warp(image) for crop in crops])).to(device)
        start = None
        if landmarks is not None:
            placed = [crop.apply(points) for crop, points in zip(crops, landmarks, strict=True)]
            start = torch.from_numpy(np.stack(placed)).to(device)
        known = [state for state in states if state is not None]
        state = join_states(known) if known and len(known) == len(states) else None
        out = self.runner.align(pictures, start, state, tracked=tracked)
        points = out.landmarks.float().cpu().numpy()
        confidence = out.confidence.float().cpu().numpy()
        support = out.support.float().mean(dim=1).tolist()
        identity = out.identity.float().cpu().numpy()
        apart = [float("nan")] * len(crops)
        if out.disagreement is not None:
            apart = out.disagreement.float().tolist()
        results = [
            FaceResult(
                crop.invert(points[i]),
                confidence[i],
                support[i],
                out.state.select([i]) if out.state is not None else None,
                identity[i],
                apart[i],
            )
            for i, crop in enumerate(crops)
        ]
        self.seconds += time.perf_counter() - begin
        return results


def _overlap(face: FaceResult, before: np.ndarray) -> float:
    return FaceBox.around(face.landmarks).iou(FaceBox.around(before))
