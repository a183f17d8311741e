"""Still sets in the published layouts: what is found, whose it is, how it is split."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from trainer.data.pts import write_pts
from trainer.data.stills import (
    StillsError,
    find_stills,
    fold_of,
    photo_name,
    read_names,
    set_name,
    split_by_group,
)


def place(folder: Path, *names: str, picture: str = ".jpg") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".pts").touch()
        path.with_name(path.name + picture).touch()


def test_flat_folder_as_300w_publishes_it(tmp_path: Path) -> None:
    place(tmp_path, "2960256451_1", "100032540_1", "100032540_2")
    stills = find_stills(tmp_path)
    assert [still.image.name for still in stills] == [
        "100032540_1.jpg",
        "100032540_2.jpg",
        "2960256451_1.jpg",
    ]
    assert [still.group for still in stills] == ["100032540", "100032540", "2960256451"]
    assert {still.identity for still in stills} == {None}
    assert all(still.annotation.name == still.image.stem + ".pts" for still in stills)


def test_a_sets_shift_is_taken_off_its_labels(tmp_path: Path) -> None:
    place(tmp_path, "a")
    write_pts(tmp_path / "a.pts", np.array([[10.0, 20.0], [np.nan, np.nan]]))
    (still,) = find_stills(tmp_path, shift=1.25)
    assert still.folder == str(tmp_path.resolve())
    assert set_name(still.folder) == "/".join(tmp_path.parts[-2:])
    np.testing.assert_allclose(still.landmarks(2), [[8.75, 18.75], [np.nan, np.nan]])
    (still,) = find_stills(tmp_path, shift=(1.25, 0.5))
    np.testing.assert_allclose(still.landmarks(2), [[8.75, 19.5], [np.nan, np.nan]])


def test_folder_per_person_as_lfw_and_youtube_faces_have_it(tmp_path: Path) -> None:
    place(tmp_path, "Ann_Lee/Ann_Lee_0001", "Ann_Lee/Ann_Lee_0002", "Bob/1/000000", "Bob/2/000000")
    stills = find_stills(tmp_path)
    assert [still.identity for still in stills] == ["Ann_Lee", "Ann_Lee", "Bob", "Bob"]
    assert [still.group for still in stills] == ["Ann_Lee", "Ann_Lee", "Bob", "Bob"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPG", ".jpeg", ".bmp", ".tif"])
def test_usual_pictures_are_found(tmp_path: Path, suffix: str) -> None:
    place(tmp_path, "face", picture=suffix)
    assert find_stills(tmp_path)[0].image.name == "face" + suffix


def test_pictures_and_annotations_without_their_partner_are_left_out(tmp_path: Path) -> None:
    place(tmp_path, "good")
    (tmp_path / "no_annotation.jpg").touch()
    (tmp_path / "no_picture.pts").touch()
    assert [still.image.stem for still in find_stills(tmp_path)] == ["good"]


def test_groups_can_be_kept_or_left_out_by_name(tmp_path: Path) -> None:
    place(tmp_path, "a_1", "a_2", "b_1", "c_1")
    assert {s.group for s in find_stills(tmp_path, exclude={"a"})} == {"b", "c"}
    assert {s.group for s in find_stills(tmp_path, only={"a", "c"})} == {"a", "c"}


def test_missing_or_empty_folder_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(StillsError, match=r"gone: no such folder; give a folder of pictures"):
        find_stills(tmp_path / "gone")
    with pytest.raises(StillsError, match=r"no picture with a \.pts file"):
        find_stills(tmp_path)
    place(tmp_path, "a_1")
    with pytest.raises(StillsError, match="lists of names"):
        find_stills(tmp_path, exclude={"a"})


@pytest.mark.parametrize(
    ("stem", "photo"), [("123_1", "123"), ("123_12", "123"), ("face", "face"), ("a_b_2", "a_b")]
)
def test_photo_name_drops_the_number_of_the_face(stem: str, photo: str) -> None:
    assert photo_name(stem) == photo


def test_split_keeps_groups_whole_and_is_the_same_everywhere(tmp_path: Path) -> None:
    place(tmp_path, *(f"photo{i}_{face}" for i in range(200) for face in (1, 2)))
    outside, inside = split_by_group(find_stills(tmp_path), 5)
    assert not {s.group for s in outside} & {s.group for s in inside}
    assert len(outside) + len(inside) == 400
    assert 40 <= len(inside) <= 120
    assert split_by_group(find_stills(tmp_path), 5) == (outside, inside)
    # By sha1sum of 'fold of NAME', so it can't change with Python or the order of files.
    assert [fold_of(name, 5) for name in ("100032540", "2960256451", "photo0")] == [3, 0, 4]


def test_names_are_read_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# set aside\n100032540\n\n  2960256451 \n")
    assert read_names(tmp_path / "names.txt") == {"100032540", "2960256451"}
    with pytest.raises(StillsError, match=r"gone\.txt: can't be read"):
        read_names(tmp_path / "gone.txt")


def test_the_photos_set_aside_leave_faces_for_validation(root: Path, tmp_path: Path) -> None:
    aside = read_names(root / "trainer" / "data" / "set_aside.txt")
    digest = {name: int(hashlib.sha1(name.encode()).hexdigest(), 16) for name in aside}
    assert all(number % 5 == 0 for number in digest.values())
    place(tmp_path, *(f"{i}_1" for i in range(400)))
    names = {
        str(i) for i in range(400) if not int(hashlib.sha1(str(i).encode()).hexdigest(), 16) % 5
    }
    _, inside = split_by_group(find_stills(tmp_path, exclude=names), 20)
    assert 5 <= len(inside) <= 40
