"""Frames of annotated videos as single faces, and sets of faces put together."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
from training_fixtures import made_faces

from trainer.data.faces import PATCH_SIZE
from trainer.data.pts import write_pts
from trainer.data.video_faces import joined, load_video_faces

POINTS = np.array([[60, 40], [70, 40], [80, 40], [90, 40], [75, 55], [65, 70], [85, 70]])


def make_video(folder: Path, frames: int) -> None:
    for part in ("annot", "imgs"):
        (folder / part).mkdir(parents=True)
    for number in range(1, frames + 1):
        picture = np.full((110, 150, 3), 10 * number, np.uint8)
        iio.imwrite(folder / "imgs" / f"{number:06d}.png", picture)
        write_pts(folder / "annot" / f"{number:06d}.pts", POINTS.astype(np.float32))


def test_frames_are_spread_over_each_video_and_carry_the_person(tmp_path: Path) -> None:
    make_video(tmp_path / "ann" / "one", 9)
    make_video(tmp_path / "bob" / "two", 2)
    faces = load_video_faces([tmp_path], 7, 3)
    assert faces.patches.shape == (5, PATCH_SIZE, PATCH_SIZE, 3)
    assert [int(patch.max()) for patch in faces.patches] == [10, 50, 90, 10, 20]
    assert faces.people == ["ann", "bob"]
    assert faces.groups == ["ann"] * 3 + ["bob"] * 2
    assert faces.identities.tolist() == [0, 0, 0, 1, 1]


def test_joined_sets_count_one_person_once_and_keep_every_face() -> None:
    first, second = made_faces(6, people=3), made_faces(8, people=4)
    second.people = ["person 2", "new", "person 0", "other"]
    second.identities[0] = -1
    both = joined(first, second)
    assert both.people == ["person 0", "person 1", "person 2", "new", "other"]
    assert both.identities[:6].tolist() == first.identities.tolist()
    assert both.identities[6:].tolist() == [-1, 3, 0, 4, 2, 3, 0, 4]
    assert both.order.tolist() == list(range(14))
    assert np.array_equal(both.patches[6:], second.patches)
