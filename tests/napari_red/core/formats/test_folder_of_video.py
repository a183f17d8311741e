"""Which of the folders of an export a video's labels are taken from."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_annotation import made_face, made_video, same_landmarks

from napari_red.core.formats.base import FormatError
from napari_red.core.formats.registry import FORMATS

KEYS = ["pts", "deeplabcut"]


@pytest.fixture(autouse=True)
def _extra():
    pytest.importorskip("tables")


def a_video(folder, name="clip", called=None):
    """A video that lies at ``folder/name.mp4``, known by that path, with labels of its own.

    ``called`` is what its project calls it, where that has others of its name.
    """
    path = Path(f"/{folder}/{name}.mp4")
    face = made_face(0, [0, 1, 8], seed=sum(map(ord, str(path))))
    face = replace(face, visible=face.visible | True)
    video = replace(made_video(called or name, path=path), faces=(face,))
    return replace(video, id=f"id of {path}")


def read(key, folder, video):
    notes = []
    return FORMATS[key].read(folder, video, notes.append), notes


def renamed(folder, key, old, new):
    above = folder if key == "pts" else folder / "labeled-data"
    (above / old).rename(above / new)


@pytest.mark.parametrize("key", KEYS)
def test_the_same_video_is_taken_whatever_number_its_name_has_here(key, tmp_path):
    a, b = a_video("a"), a_video("b")
    FORMATS[key].write([a, b], tmp_path)
    for here in (replace(a, name="clip_2"), b):
        got, notes = read(key, tmp_path, here)
        same_landmarks(got, here)
        assert not notes


@pytest.mark.parametrize("key", KEYS)
def test_the_same_video_is_taken_from_a_folder_of_any_name(key, tmp_path):
    a = a_video("a")
    FORMATS[key].write([a, a_video("b")], tmp_path)
    renamed(tmp_path, key, "clip", "rater 1")
    same_landmarks(read(key, tmp_path, a)[0], a)


@pytest.mark.parametrize("key", KEYS)
def test_of_several_folders_of_the_same_video_that_of_its_name_is_taken(key, tmp_path):
    a, older = a_video("a"), replace(a_video("b"), id=a_video("a").id)
    FORMATS[key].write([older], tmp_path)
    renamed(tmp_path, key, "clip", "before")
    FORMATS[key].write([a], tmp_path)
    same_landmarks(read(key, tmp_path, a)[0], a)
    renamed(tmp_path, key, "clip", "now")
    with pytest.raises(FormatError, match=r"several folders .* \(before, now\); choose one"):
        read(key, tmp_path, a)


@pytest.mark.parametrize("key", KEYS)
def test_a_folder_of_another_video_is_not_taken_because_of_a_number(key, tmp_path):
    FORMATS[key].write([a_video("x", "clip_2")], tmp_path)
    with pytest.raises(FormatError, match=r"clip_2: was made of another video, .* called clip;"):
        read(key, tmp_path, a_video("a", called="clip_2"))


@pytest.mark.parametrize("key", KEYS)
def test_a_copy_of_a_video_is_taken_by_its_name_with_a_note(key, tmp_path):
    for name, called in (("clip", None), ("clip", "clip_2"), ("clip_2", None)):
        out = tmp_path / f"{name} as {called}"
        FORMATS[key].write([a_video("a", name)], out)
        got, notes = read(key, out, a_video("b", name, called))
        same_landmarks(got, a_video("a", name))
        assert "another copy of it" in notes[0]


@pytest.mark.parametrize("key", KEYS)
def test_a_copy_with_a_number_is_not_taken_for_one_of_several(key, tmp_path):
    FORMATS[key].write([a_video("a"), a_video("b")], tmp_path)
    with pytest.raises(FormatError, match=r"several videos are called clip .*\(clip, clip_2\)"):
        read(key, tmp_path, a_video("c", called="clip_2"))


@pytest.mark.parametrize("key", KEYS)
def test_a_video_whose_name_only_begins_alike_is_no_other_of_the_name(key, tmp_path):
    FORMATS[key].write([a_video("a"), a_video("a", "clip_closeup")], tmp_path)
    same_landmarks(read(key, tmp_path, a_video("b"))[0], a_video("a"))


@pytest.mark.parametrize("key", KEYS)
def test_a_folder_that_tells_no_video_is_taken_by_its_name(key, tmp_path):
    nameless = replace(a_video("a"), id="")
    FORMATS[key].write([nameless], tmp_path)
    for called in (None, "clip_2"):
        got, notes = read(key, tmp_path, a_video("b", called=called))
        same_landmarks(got, nameless)
        assert not notes
