"""Faces in memory: cut once, upright in the middle, and never two of a kind in a batch."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from trainer.data.faces import PATCH_SIZE, FaceSet, batches, load_faces, patch_of
from trainer.data.pts import PtsError, write_pts
from trainer.data.stills import StillsError, find_stills
from trainer.geometry import CROP_SCALE, CROP_SIZE

EDGE = (PATCH_SIZE - CROP_SIZE) / 2


def picture_with_dots(points: np.ndarray, size: int = 300) -> np.ndarray:
    """(size, size, 3) uint8, a white dot of a few pixels at each landmark."""
    v, u = np.mgrid[:size, :size]
    near = np.min([np.hypot(u - x, v - y) for x, y in points], axis=0)
    return np.repeat((np.clip(4 - near, 0, 1) * 255)[..., None], 3, axis=2).astype(np.uint8)


@pytest.fixture
def points() -> np.ndarray:
    return np.array(
        [[100, 110], [125, 112], [150, 111], [180, 110], [140, 150], [115, 180], [165, 181]],
        np.float32,
    )


@pytest.fixture
def folder(tmp_path: Path, points: np.ndarray) -> Path:
    for person in ("ann", "bob"):
        (tmp_path / person).mkdir()
        for number in range(2):
            shift = 10 * number
            iio.imwrite(
                tmp_path / person / f"{number}.png",
                picture_with_dots(points + shift),
                plugin="pillow",
            )
            write_pts(tmp_path / person / f"{number}.pts", points + shift)
    return tmp_path


def test_face_lies_upright_in_the_middle_of_its_patch(points: np.ndarray) -> None:
    patch, moved = patch_of(picture_with_dots(points), points)
    assert patch.shape == (PATCH_SIZE, PATCH_SIZE, 3)
    low, high = moved.min(axis=0), moved.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, (PATCH_SIZE - 1) / 2, atol=1e-3)
    assert (high - low).mean() == pytest.approx(CROP_SIZE / CROP_SCALE, rel=1e-4)


def test_landmarks_move_with_the_pixels(points: np.ndarray) -> None:
    patch, moved = patch_of(picture_with_dots(points), points)
    for x, y in moved.round().astype(int):
        assert patch[y, x, 0] > 200
    assert (patch[..., 0] > 128).mean() < 0.05


def test_stills_are_loaded_with_people_and_groups(folder: Path, points: np.ndarray) -> None:
    progress: list[tuple[int, int]] = []
    faces = load_faces(find_stills(folder), 7, on_progress=lambda *p: progress.append(p))
    assert faces.patches.shape == (4, PATCH_SIZE, PATCH_SIZE, 3)
    assert faces.patches.dtype == np.uint8
    assert faces.landmarks.shape == (4, 7, 2)
    assert faces.people == ["ann", "bob"]
    assert faces.identities.tolist() == [0, 0, 1, 1]
    assert faces.groups == ["ann", "ann", "bob", "bob"]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    np.testing.assert_allclose(faces.landmarks[0], faces.landmarks[1], atol=1e-3)


def test_still_listed_twice_is_read_once_and_counts_twice(folder: Path) -> None:
    stills = find_stills(folder)
    faces = load_faces([*stills, *stills[:1]], 7)
    assert len(faces.patches) == 4
    assert faces.order.tolist() == [0, 1, 2, 3, 0]


def test_mean_shape_is_in_units_of_the_crop(folder: Path, points: np.ndarray) -> None:
    shape = load_faces(find_stills(folder), 7).mean_shape()
    assert shape.dtype == np.float32
    expected = patch_of(picture_with_dots(points), points)[1] - EDGE
    np.testing.assert_allclose(shape * CROP_SIZE - 0.5, expected, atol=1e-3)


def test_unlabelled_landmarks_stay_so(folder: Path, points: np.ndarray) -> None:
    points[3] = np.nan
    write_pts(folder / "ann" / "0.pts", points)
    faces = load_faces(find_stills(folder), 7)
    assert np.isnan(faces.landmarks[0, 3]).all()
    assert np.isfinite(faces.mean_shape()).all()


def test_unusable_files_are_named(folder: Path, points: np.ndarray) -> None:
    write_pts(folder / "ann" / "0.pts", np.full((7, 2), np.nan))
    with pytest.raises(StillsError, match=r"0\.pts: no landmark is labelled"):
        load_faces(find_stills(folder), 7)
    write_pts(folder / "ann" / "0.pts", points[:6])
    with pytest.raises(PtsError, match=r"0\.pts: 6 points"):
        load_faces(find_stills(folder), 7)
    write_pts(folder / "ann" / "0.pts", points)
    (folder / "ann" / "0.png").write_bytes(b"not a picture")
    with pytest.raises(StillsError, match=r"0\.png: can't be read as a picture"):
        load_faces(find_stills(folder), 7)


@pytest.mark.parametrize("mode", ["grey", "rgba", "16 bit"])
def test_other_kinds_of_pictures_become_rgb(folder: Path, points: np.ndarray, mode: str) -> None:
    grey = np.maximum(picture_with_dots(points)[..., 0], 90)
    alpha = np.full_like(grey, 255)
    picture = {
        "grey": grey,
        "rgba": np.stack([grey, grey, grey, alpha], axis=-1),
        "16 bit": grey.astype(np.uint16) * 257,
    }[mode]
    iio.imwrite(folder / "ann" / "0.png", picture, plugin="pillow")
    faces = load_faces(find_stills(folder), 7)
    assert faces.patches.shape[-1] == 3
    assert np.median(faces.patches[0]) == 90
    assert faces.patches[0].max() == 255


def faces_of(groups: list[str]) -> FaceSet:
    n = len(groups)
    people = sorted(set(groups))
    return FaceSet(
        patches=np.zeros((n, 1, 1, 3), np.uint8),
        landmarks=np.zeros((n, 7, 2), np.float32),
        identities=np.array([people.index(g) for g in groups]),
        groups=groups,
        people=people,
        order=np.arange(n),
    )


def test_no_batch_holds_two_faces_of_one_person() -> None:
    faces = faces_of([f"person {i % 9}" for i in range(80)])
    drawn = batches(faces, 6, np.random.default_rng(0))
    assert len(drawn) >= 10
    for batch in drawn:
        assert len({faces.groups[i] for i in batch}) == len(batch) == 6
    used = np.concatenate(drawn)
    assert len(set(used.tolist())) == len(used), "a face comes once in a pass"


def test_passes_differ_and_repeat_with_their_seed() -> None:
    faces = faces_of([str(i) for i in range(40)])
    one, again, other = (
        np.concatenate(batches(faces, 8, np.random.default_rng(seed))) for seed in (1, 1, 2)
    )
    assert one.tolist() == again.tolist()
    assert one.tolist() != other.tolist()
    assert sorted(one) == list(range(40))


def test_too_few_people_for_a_batch_give_none() -> None:
    assert batches(faces_of(["a", "a", "b"]), 3, np.random.default_rng(0)) == []
