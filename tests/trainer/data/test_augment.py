"""Augmentation and made clips: the landmarks move with the pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trainer.data.augment import (
    DEGRADATIONS,
    Placement,
    degrade,
    paper_placement,
    perturb,
    place,
    seeded,
    strong_placement,
)
from trainer.data.clips import MovedStills
from trainer.data.faces import PATCH_SIZE, FaceSet
from trainer.geometry import CROP_SIZE, CropTransform
from trainer.scheme import POINTS7

EDGE = (PATCH_SIZE - CROP_SIZE) / 2
POINTS = np.array(
    [[70, 80], [85, 80], [107, 80], [122, 80], [96, 100], [80, 125], [112, 125]], np.float32
)


def dotted_patches(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """n patches with the landmarks drawn as dots whose colours tell them apart."""
    v, u = np.mgrid[:PATCH_SIZE, :PATCH_SIZE]
    patch = np.zeros((PATCH_SIZE, PATCH_SIZE, 3), np.float64)
    for index, (x, y) in enumerate(POINTS):
        near = np.clip(4.5 - np.hypot(u - x, v - y), 0, 1)[..., None]
        patch += near * colour(index)
    patches = np.repeat(patch.round().astype(np.uint8)[None], n, axis=0)
    return torch.from_numpy(patches), torch.from_numpy(np.repeat(POINTS[None], n, axis=0))


def colour(index: int) -> np.ndarray:
    return np.array([255 if (index + 1) & bit else 0 for bit in (1, 2, 4)], np.float64)


def still(n: int, **changes: torch.Tensor) -> Placement:
    """No movement at all, but for what is given."""
    values = {
        "angle": torch.zeros(n),
        "scale": torch.ones(n),
        "shift": torch.zeros(n, 2),
        "flip": torch.zeros(n, dtype=torch.bool),
    }
    return Placement(**{**values, **changes})


def face_set(n: int) -> FaceSet:
    patches, landmarks = dotted_patches(n)
    names = [f"person {i}" for i in range(n)]
    return FaceSet(patches.numpy(), landmarks.numpy(), np.arange(n), names, names, np.arange(n))


def assert_dots_at(crops: torch.Tensor, landmarks: torch.Tensor, flip: torch.Tensor) -> None:
    for crop, points, mirrored in zip(crops, landmarks, flip, strict=True):
        for index, (x, y) in enumerate(points.tolist()):
            if not (3 <= x <= CROP_SIZE - 4 and 3 <= y <= CROP_SIZE - 4):
                continue
            drawn = POINTS7.flip[index] if mirrored else index
            found = crop[:, round(y), round(x)].numpy()
            np.testing.assert_allclose(found, colour(drawn), atol=40)


def test_unmoved_face_is_the_middle_of_its_patch() -> None:
    patches, landmarks = dotted_patches(1)
    crops, moved = place(patches, landmarks, still(1), POINTS7)
    inner = slice(int(EDGE), int(EDGE) + CROP_SIZE)
    torch.testing.assert_close(
        crops[0].permute(1, 2, 0), patches[0, inner, inner].float(), atol=1e-2, rtol=0
    )
    torch.testing.assert_close(moved, landmarks - EDGE)


@pytest.mark.parametrize("draw", [paper_placement, strong_placement])
def test_landmarks_move_with_the_pixels(draw) -> None:
    n = 24
    placement = draw(seeded(0), n)
    assert 0 < placement.flip.sum() < n
    crops, moved = place(*dotted_patches(n), placement, POINTS7)
    assert crops.shape == (n, 3, CROP_SIZE, CROP_SIZE)
    assert crops.dtype == torch.float32
    assert_dots_at(crops, moved, placement.flip)


def test_mirrored_face_keeps_its_landmark_order() -> None:
    placement = still(1, flip=torch.tensor([True]))
    crops, moved = place(*dotted_patches(1), placement, POINTS7)
    # The outer eye corner on the image's left is still number 0, drawn as number 3 was.
    assert moved[0, 0, 0] < moved[0, 3, 0]
    assert_dots_at(crops, moved, placement.flip)
    expected = POINTS7.flip_landmarks(POINTS - EDGE, CROP_SIZE)
    np.testing.assert_allclose(moved[0], expected, atol=1e-4)


def test_angle_turns_clockwise_as_seen() -> None:
    placement = still(1, angle=torch.tensor([0.3]))
    _, moved = place(*dotted_patches(1), placement, POINTS7)
    left, right = moved[0, 0], moved[0, 3]
    assert math.atan2(right[1] - left[1], right[0] - left[0]) == pytest.approx(0.3, abs=1e-4)


def test_placement_agrees_with_the_crop_used_in_alignment() -> None:
    # Zooming and turning a face in training is what a smaller, turned box does later.
    placement = still(1, angle=torch.tensor([-0.2]), scale=torch.tensor([1.1]))
    patches, landmarks = dotted_patches(1)
    crops, moved = place(patches, landmarks, placement, POINTS7)
    middle = (PATCH_SIZE - 1) / 2
    crop = CropTransform(middle, middle, 1.1, 0.2)
    np.testing.assert_allclose(moved[0], crop.apply(POINTS), atol=1e-3)
    difference = crops[0].permute(1, 2, 0).numpy() - crop.warp(patches[0].numpy())
    assert np.abs(difference).mean() < 0.5


def test_papers_ranges() -> None:
    placement = paper_placement(seeded(1), 5000)
    assert placement.angle.abs().max() <= math.radians(15)
    assert placement.angle.abs().max() > math.radians(14.5)
    assert placement.scale.min() >= 0.9
    assert placement.scale.max() <= 1.1
    assert placement.shift.abs().max() <= 7
    assert 0.45 < placement.flip.float().mean() < 0.55


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_a_kind_left_out_changes_nothing_but_itself(kind: str) -> None:
    crops = torch.rand(16, 3, CROP_SIZE, CROP_SIZE, generator=seeded(1)) * 200 + 20
    before = crops.clone()
    alone = degrade(crops, seeded(5), kinds=(kind,))
    others = degrade(crops, seeded(5), kinds=[k for k in DEGRADATIONS if k != kind])
    assert torch.equal(crops, before)
    assert not torch.equal(alone, crops)
    assert not torch.equal(others, degrade(crops, seeded(5)))


def test_no_kind_at_all_leaves_the_picture() -> None:
    crops = torch.rand(4, 3, CROP_SIZE, CROP_SIZE, generator=seeded(1)) * 200 + 20
    assert torch.equal(degrade(crops, seeded(5), kinds=()), crops)


def test_degraded_crops_stay_pictures_and_repeat_with_their_seed() -> None:
    crops, _ = place(*dotted_patches(12), still(12), POINTS7)
    before = crops.clone()
    first, again = degrade(crops, seeded(5)), degrade(crops, seeded(5))
    assert torch.equal(crops, before), "the input is left as it was"
    assert torch.equal(first, again)
    assert not torch.equal(first, degrade(crops, seeded(6)))
    assert first.min() >= 0
    assert first.max() <= 255


def test_perturbed_landmarks_are_near_and_keep_unlabelled_ones() -> None:
    points = torch.from_numpy(POINTS).repeat(50, 1, 1)
    points[:, 2] = float("nan")
    moved = perturb(points, seeded(0))
    assert moved[:, 2].isnan().all()
    rest = [0, 1, 3, 4, 5, 6]
    distance = (moved - points)[:, rest].norm(dim=-1)
    assert 1 < distance.mean() < 8
    assert distance.max() < 30
    assert (perturb(points, seeded(0), 0.1) - points)[:, rest].norm(dim=-1).mean() < 1


def test_made_clip_moves_smoothly_with_its_landmarks() -> None:
    source = MovedStills(face_set(8), POINTS7, frames=10, per_face=3)
    assert source.kind == "moved stills"
    assert source.n_clips == 24
    clips = source.draw(4, seed=0, number=0)
    assert clips.crops.shape == (10, 4, 3, CROP_SIZE, CROP_SIZE)
    assert clips.landmarks.shape == (10, 4, 7, 2)
    assert clips.crops.min() >= 0
    assert clips.crops.max() <= 255
    jumps = clips.landmarks.diff(dim=0).norm(dim=-1)
    assert jumps.max() < 12
    assert jumps.mean() > 0.2
    assert len(set(clips.identities.tolist())) == 4


def test_made_clips_truth_is_where_the_dots_are() -> None:
    clips = MovedStills(face_set(8), POINTS7, frames=6, per_face=1).draw(8, seed=3, number=0)
    bright = []
    for crop, points in zip(clips.crops.flatten(0, 1), clips.landmarks.flatten(0, 1), strict=True):
        inside = ((points > 4) & (points < CROP_SIZE - 5)).all(dim=-1)
        columns, rows = points[inside].round().long().unbind(dim=-1)
        here = crop.amax(dim=0)[rows, columns]
        bright.append((here - crop.amax(dim=0).median()).median())
    # An occluder may hide some, blur may dim some; on the whole the dots are there.
    assert torch.stack(bright).median() > 100


def test_clip_batches_are_the_same_every_time_and_differ_from_each_other() -> None:
    source = MovedStills(face_set(8), POINTS7, frames=3, per_face=2)
    first = source.draw(4, seed=0, number=5)
    again = source.draw(4, seed=0, number=5)
    assert torch.equal(first.crops, again.crops)
    assert torch.equal(first.landmarks, again.landmarks)
    for other in (source.draw(4, seed=0, number=6), source.draw(4, seed=1, number=5)):
        assert not torch.equal(first.landmarks, other.landmarks)


def test_reversed_clip_runs_backward() -> None:
    clips = MovedStills(face_set(4), POINTS7, frames=3, per_face=1).draw(2, seed=0, number=0)
    backward = clips.reversed()
    for t in range(3):
        assert torch.equal(backward.crops[t], clips.crops[2 - t])
        assert torch.equal(backward.landmarks[t], clips.landmarks[2 - t])
    assert torch.equal(backward.identities, clips.identities)
