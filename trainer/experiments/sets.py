"""The faces that the claims are tried on: what is trained on, and what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainer.data.clips import MixedClips, MovedStills
from trainer.data.faces import FaceSet, load_faces, patch_of, read_picture
from trainer.data.stills import Still, find_stills, read_names
from trainer.data.video_clips import VideoClips
from trainer.data.video_faces import joined
from trainer.data.video_sets import AnnotatedVideo
from trainer.errors import RedError
from trainer.geometry import CROP_SCALE, CROP_SIZE, CropTransform, FaceBox
from trainer.metrics import interocular
from trainer.pose import head_angles
from trainer.scheme import SUBSET_7, scheme_for

ASIDE = Path(__file__).parent.parent / "data" / "set_aside.txt"
"""Photos that nothing is trained on."""

YAW_GROUPS = ((0, 15), (15, 30), (30, 45), (45, 90))
"""Degrees, as in the paper's figure 6."""


PEOPLE, PICTURES = 60, 12
"""Rendered people, and pictures of each to learn from; twice as many to measure on."""

FRONTAL = 0.65
"""Distance of the outer eye corners over the side of the face box, of faces seen from the front."""

BOX_SIDE = CROP_SIZE / CROP_SCALE
"""Side of the true face box in a crop, pixels."""

HEAD_SIZE = 192
"""Side of rendered stills, pixels."""

CLIP_FRAMES = 10
"""T."""


@dataclass
class MeasuredFaces:
    """Faces to measure on, upright in the box of their true landmarks.

    Attributes
    ----------
    name : of the set
    crops : (N, 128, 128, 3) uint8
    landmarks : (N, L, 2) float32, xy in crop pixels
    yaw : (N,) degrees, NaN where unknown
    groups : N names; faces of one group aren't independent
    """

    name: str
    crops: np.ndarray
    landmarks: np.ndarray
    yaw: np.ndarray
    groups: list[str]

    def errors(self, points: np.ndarray) -> np.ndarray:
        """Mean distance to the truth in per cent of :func:`frontal_interocular`.

        (..., N, L, 2) in crop pixels to (..., N).
        """
        away = np.linalg.norm(points - self.landmarks, axis=-1).mean(axis=-1)
        return 100 * away / (FRONTAL * BOX_SIDE)

    def own_share(self) -> np.ndarray:
        """(N,) each face's own interocular distance over :func:`frontal_interocular`."""
        return interocular(self.landmarks) / (FRONTAL * BOX_SIDE)

    def subset(self, chosen: np.ndarray) -> MeasuredFaces:
        """Some of the faces: a mask or indices."""
        indices = np.arange(len(self.crops))[chosen]
        return MeasuredFaces(
            self.name,
            self.crops[indices],
            self.landmarks[indices],
            self.yaw[indices],
            [self.groups[i] for i in indices],
        )


@dataclass
class HeadStills:
    """Rendered heads: ``images`` (N, S, S, 3) uint8, ``landmarks`` (N, 68, 2) xy in pixels,
    ``yaw`` (N,) degrees, ``person`` (N,) numbers."""

    images: np.ndarray
    landmarks: np.ndarray
    yaw: np.ndarray
    person: np.ndarray

    def names(self) -> list[str]:
        """Of the people, as groups."""
        return [f"head {number}" for number in self.person]


def training_stills(data: Path, aside: Path = ASIDE) -> list[Still]:
    """All annotated stills that may be trained on."""
    names = read_names(aside)
    folders = (data / "ytf" / "train", data / "helen" / "trainset", data / "afw")
    found = [s for folder in folders if folder.is_dir() for s in find_stills(folder, exclude=names)]
    if not found:
        raise RedError(f"{data}: no ytf/train, helen/trainset or afw in it; check the folder")
    return found


def training_faces(data: Path, landmarks: int, aside: Path = ASIDE) -> FaceSet:
    """The faces of :func:`training_stills`."""
    faces = load_faces(training_stills(data, aside), 68)
    return replace(faces, landmarks=of_scheme(faces.landmarks, landmarks))


def head_stills(split: str, people: int, per_person: int, cache: Path) -> HeadStills:
    """Rendered heads in random poses, kept in ``cache`` for the next time.

    The stills have next to no face beyond 45 degrees, where the paper's claims are largest.

    Parameters
    ----------
    split : "train" or "test"; nobody is in both
    people : how many are numbered, in both splits together
    per_person : pictures of each
    """
    path = cache / f"heads-{split}-{people}-{per_person}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as file:
            return HeadStills(**file)
    from trainer.heads.clips import render_stills
    from trainer.heads.people import split_of

    names = [person for person in range(people) if split_of(person) == split]
    frames = [(p, frame) for p in names for frame in render_stills(p, per_person, size=HEAD_SIZE)]
    found = HeadStills(
        np.stack([frame.image for _, frame in frames]),
        np.stack([frame.contour for _, frame in frames]),
        np.array([frame.yaw for _, frame in frames]),
        np.array([person for person, _ in frames]),
    )
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(path, **vars(found))
    return found


def with_heads(faces: FaceSet, heads: HeadStills) -> FaceSet:
    """Training stills, and rendered heads beside them."""
    cut = [patch_of(*pair) for pair in zip(heads.images, heads.landmarks, strict=True)]
    names = heads.names()
    both = FaceSet(
        np.stack([patch for patch, _ in cut]),
        of_scheme(np.stack([points for _, points in cut]), faces.landmarks.shape[1]),
        np.full(len(cut), -1),
        names,
        [],
        np.arange(len(cut)),
    )
    return joined(faces, both)


def training_clips(folder: Path, faces: FaceSet, per_video: int, cache: Path) -> MixedClips:
    """Clips of ten frames: of annotated videos with 68 points, and as many of moved stills,
    for as many landmarks as the stills have; few people are rendered."""
    landmarks = faces.landmarks.shape[1]
    clips = VideoClips([folder], 68, CLIP_FRAMES, per_video, cache=cache)
    clips.landmarks = of_scheme(clips.landmarks, landmarks)
    clips.scheme = scheme_for(landmarks)
    moved = MovedStills(faces, clips.scheme, CLIP_FRAMES, 1)
    return MixedClips([clips, moved], [1, 1])


def measured_stills(data: Path, aside: Path = ASIDE) -> list[Still]:
    """Annotated stills that nothing is trained on: ytf/dev, and photos set aside."""
    names = read_names(aside)
    found = find_stills(data / "ytf" / "dev") if (data / "ytf" / "dev").is_dir() else []
    for folder in (data / "helen" / "trainset", data / "afw"):
        if folder.is_dir():
            found += find_stills(folder, only=names)
    if not found:
        raise RedError(f"{data}: no ytf/dev, helen/trainset or afw in it; check the folder")
    return found


def still_faces(stills: Sequence[Still], landmarks: int, name: str = "stills") -> MeasuredFaces:
    """Stills to measure on, yaw by perspective-n-point from their true landmarks."""
    pictures: Iterator[_Picture] = ((read_picture(s), s.landmarks(), None, s.group) for s in stills)
    return _cut(name, pictures, landmarks)


def head_faces(heads: HeadStills, landmarks: int, name: str = "rendered heads") -> MeasuredFaces:
    """Rendered heads to measure on; their yaw is exact."""
    yaws = (float(yaw) for yaw in heads.yaw)
    pictures = zip(heads.images, heads.landmarks, yaws, heads.names(), strict=True)
    return _cut(name, pictures, landmarks)


def learnt(stills: FaceSet, work: Path, people: int) -> FaceSet:
    """What steps and cascades learn from: the stills, and rendered heads for large yaw."""
    if not people:
        return stills
    return with_heads(stills, head_stills("train", people, PICTURES, work))


def measured_sets(
    data: Path, work: Path, people: int, landmarks: int, limit: int
) -> list[MeasuredFaces]:
    """Stills, and rendered test people; of a larger set every face that is turned by more
    than 30 degrees, as far as the limit goes, and an even part of the others."""
    sets = [still_faces(measured_stills(data), landmarks)]
    if people:
        sets.append(head_faces(head_stills("test", people, 2 * PICTURES, work), landmarks))
    out = []
    for faces in sets:
        turned = np.flatnonzero(np.abs(faces.yaw) >= 30)
        rest = np.setdiff1d(np.arange(len(faces.yaw)), turned)
        room = max(limit - len(turned), 1)
        even = rest[:: max(-(-len(rest) // room), 1)]
        out.append(faces.subset(np.sort(np.concatenate([turned, even]))[: max(limit, 1)]))
    return out


def frontal_interocular(landmarks: np.ndarray) -> np.ndarray:
    """How far the outer eye corners would be apart if the face looked at the camera.

    Their own distance, the usual measure of errors, goes to nothing in profile, and errors
    at large yaw would be those of the measure. (..., 68, 2) pixels to (...).
    """
    extent = landmarks.max(axis=-2) - landmarks.min(axis=-2)
    return FRONTAL * extent.mean(axis=-1)


def clip_truth(folder: Path, video: AnnotatedVideo) -> dict[str, np.ndarray]:
    """What a rendered clip's truth.npz says: ``yaw`` of each frame, ``setting``, ...

    Raises
    ------
    RedError
        If the clip has none.
    """
    path = folder / video.name / "truth.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError) as error:
        raise RedError(f"{path}: no truth of a rendered clip; render the heads again") from error


def yaw_groups(yaw: np.ndarray) -> dict[str, np.ndarray]:
    """Masks (N,) of figure 6's groups by absolute yaw, lower end included, and of all."""
    size = np.abs(yaw)
    groups = {
        f"{low}–{high}°": (size >= low) & (size < high + (high == 90)) for low, high in YAW_GROUPS
    }
    return {**groups, "all": np.ones(len(yaw), bool)}


def of_scheme(landmarks: np.ndarray, count: int) -> np.ndarray:
    """(..., 68, 2) landmarks as a network of ``count`` landmarks knows them."""
    return landmarks if count == 68 else landmarks[..., list(SUBSET_7), :]


_Picture = tuple[np.ndarray, np.ndarray, float | None, str]
"""Picture, its 68 true landmarks, yaw in degrees if known, group."""


def _cut(name: str, pictures: Iterable[_Picture], landmarks: int) -> MeasuredFaces:
    crops, points, yaws, groups = [], [], [], []
    for image, truth, yaw, group in pictures:
        if not np.isfinite(truth).all():
            continue
        transform = CropTransform.from_box(FaceBox.around(truth), size=CROP_SIZE)
        crops.append(transform.warp(image))
        points.append(of_scheme(transform.apply(truth), landmarks))
        height, width = image.shape[:2]
        yaws.append(head_angles(truth, (width, height))[0] if yaw is None else yaw)
        groups.append(group)
    if not crops:
        raise RedError(f"{name}: no face with all its landmarks; check the folder")
    return MeasuredFaces(
        name, np.stack(crops), np.stack(points).astype(np.float32), np.array(yaws), groups
    )
