"""Annotated faces cut out of their pictures once, ready for augmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.data import frame_folder
from trainer.data.stills import Still, StillsError
from trainer.data.video_base import VideoError
from trainer.geometry import CROP_SIZE, CropTransform, FaceBox

MARGIN = 1.5
"""Patch side over crop side: room for rotation, shift and zooming out."""

PATCH_SIZE = int(CROP_SIZE * MARGIN)


@dataclass
class FaceSet:
    """N faces in memory.

    Attributes
    ----------
    patches : (N, 192, 192, 3) uint8; an upright crop lies in the middle at scale 1
    landmarks : (N, L, 2) float32, xy in patch pixels, NaN where unlabelled
    identities : (N,) int64 index into ``people``; -1 where the person is unknown
    groups : N names; faces of one group never share a batch
    people : names of the persons
    order : indices of the faces of one epoch; one given twice counts twice
    weights : (N, L) float32, how much each landmark counts in the losses; None is 1 each
    """

    patches: np.ndarray
    landmarks: np.ndarray
    identities: np.ndarray
    groups: list[str]
    people: list[str]
    order: np.ndarray
    weights: np.ndarray | None = None

    def mean_shape(self) -> np.ndarray:
        """(L, 2) float32: the mean landmarks in units of the crop's side.

        A coordinate c of it lies at crop pixel ``c * 128 - 0.5``.
        """
        crops = self.landmarks - (PATCH_SIZE - CROP_SIZE) / 2
        return ((np.nanmean(crops, axis=0) + 0.5) / CROP_SIZE).astype(np.float32)


def patch_transform(box: FaceBox) -> CropTransform:
    """From image pixels to those of the patch around a face box."""
    crop = CropTransform.from_box(box, size=CROP_SIZE)
    return CropTransform(crop.centre_x, crop.centre_y, crop.scale, size=PATCH_SIZE)


def patch_of(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The patch around a face and the landmarks in it.

    (H, W, 3) uint8 and (L, 2) image xy to (192, 192, 3) uint8 and (L, 2) patch xy.
    """
    wide = patch_transform(FaceBox.around(landmarks))
    return wide.warp(image), wide.apply(landmarks)


def read_picture(still: Still) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a still.

    Raises
    ------
    StillsError
        If the file isn't a readable picture.
    """
    try:
        return frame_folder.read_picture(still.image, upright=False)
    except VideoError as error:
        raise StillsError(str(error)) from error


def load_faces(
    stills: Sequence[Still],
    n_landmarks: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> FaceSet:
    """Read stills into memory, each file once, however often it is listed.

    Parameters
    ----------
    stills : what :func:`trainer.data.stills.find_stills` found
    n_landmarks : L
    on_progress : called with (done, total)

    Raises
    ------
    StillsError, PtsError
        If a picture or an annotation can't be used.
    """
    unique = list(dict.fromkeys(stills))
    position = {still: index for index, still in enumerate(unique)}
    patches = np.empty((len(unique), PATCH_SIZE, PATCH_SIZE, 3), np.uint8)
    landmarks = np.empty((len(unique), n_landmarks, 2), np.float32)
    for index, still in enumerate(unique):
        points = still.landmarks(n_landmarks)
        if not np.isfinite(points).all(axis=1).any():
            raise StillsError(f"{still.annotation}: no landmark is labelled; remove the file")
        patches[index], landmarks[index] = patch_of(read_picture(still), points)
        if on_progress:
            on_progress(index + 1, len(unique))
    people = sorted({still.identity for still in unique if still.identity is not None})
    number = {name: index for index, name in enumerate(people)}
    return FaceSet(
        patches=patches,
        landmarks=landmarks,
        identities=np.array(
            [-1 if s.identity is None else number[s.identity] for s in unique], np.int64
        ),
        groups=[still.group for still in unique],
        people=people,
        order=np.array([position[still] for still in stills]),
    )


def batches(faces: FaceSet, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """One pass over the faces in random order; no batch holds two faces of one group.

    Faces that would break the rule wait for a later batch; what is left over at the end
    without filling a batch is left out.
    """
    waiting = [int(i) for i in rng.permutation(faces.order)]
    done: list[np.ndarray] = []
    while True:
        batch: list[int] = []
        seen: set[str] = set()
        rest: list[int] = []
        for position, index in enumerate(waiting):
            if len(batch) == size:
                rest.extend(waiting[position:])
                break
            if faces.groups[index] in seen:
                rest.append(index)
            else:
                seen.add(faces.groups[index])
                batch.append(index)
        if len(batch) < size:
            return done
        done.append(np.array(batch))
        waiting = rest
