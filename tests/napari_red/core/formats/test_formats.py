"""What holds for every format."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_annotation import made_video

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import FormatError, Options, distinct
from napari_red.core.formats.names import edges, landmark_names, landmark_order
from napari_red.core.formats.registry import FORMATS, format_called
from napari_red.core.jobs import StopWork

EVERY = sorted(FORMATS)
READABLE = [key for key in EVERY if FORMATS[key].reader]


@pytest.fixture(autouse=True)
def _extra():
    pytest.importorskip("sleap_io")
    pytest.importorskip("pyarrow")
    pytest.importorskip("tables")


@pytest.mark.parametrize("key", EVERY)
def test_writing_reports_progress_and_names_what_is_there(key, tmp_path):
    seen = []
    written = FORMATS[key].write([made_video()], tmp_path, on_progress=seen.append)
    assert written
    assert all(path.exists() for path in written)
    assert (seen[-1].done, seen[-1].total) == (10, 10)
    assert not list(tmp_path.rglob("*partial*"))


@pytest.mark.parametrize("key", EVERY)
def test_writing_stops_when_asked_and_leaves_no_half_file(key, tmp_path):
    with pytest.raises(StopWork):
        FORMATS[key].write([made_video()], tmp_path, should_stop=lambda: True)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in left} <= {"napari-red.json", "cvat_labels.json"}


@pytest.mark.parametrize("key", [key for key in EVERY if key != "pts"])
def test_files_of_other_origin_are_not_overwritten_and_own_ones_are(key, tmp_path):
    first = FORMATS[key].write([made_video()], tmp_path / "ours")
    again = FORMATS[key].write([made_video()], tmp_path / "ours")
    assert first == again
    for path in first:
        theirs = tmp_path / "theirs" / path.relative_to(tmp_path / "ours")
        theirs.parent.mkdir(parents=True, exist_ok=True)
        theirs.write_text("mine")
    with pytest.raises(FormatError, match="choose another folder"):
        FORMATS[key].write([made_video()], tmp_path / "theirs")


@pytest.mark.parametrize("key", EVERY)
def test_nothing_to_write_says_what_to_do_first(key, tmp_path):
    empty = replace(made_video(), faces=())
    with pytest.raises(FormatError, match="pre-annotate first"):
        FORMATS[key].write([empty], tmp_path)
    nobody = replace(
        made_video(faces=1),
        faces=(replace(made_video().faces[0], accepted=np.zeros(6, dtype=bool)),),
    )
    with pytest.raises(FormatError, match="no frame is accepted yet"):
        FORMATS[key].write([nobody], tmp_path, Options(only_accepted=True))
    with pytest.raises(FormatError, match="no video"):
        FORMATS[key].write([], tmp_path)


@pytest.mark.parametrize("key", EVERY)
def test_a_folder_that_cannot_be_made_says_so(key, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="you may write to"):
        FORMATS[key].write([made_video()], tmp_path / "file" / "out")


@pytest.mark.parametrize("key", EVERY)
def test_a_video_without_faces_among_others_does_no_harm(key, tmp_path):
    videos = [replace(made_video("none"), faces=()), made_video("talk")]
    assert FORMATS[key].write(videos, tmp_path)


@pytest.mark.parametrize("key", EVERY)
def test_names_that_no_file_can_have_are_replaced(key, tmp_path):
    FORMATS[key].write([made_video("a/b: c?")], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("key", EVERY)
@pytest.mark.parametrize("name", ["CON", "nul.take 1", "Lpt9 .x", "con_"])
def test_nothing_is_called_like_a_device_of_windows(key, name, tmp_path):
    videos = [made_video(name), made_video("com1"), made_video("COM10"), made_video("icon")]
    written = FORMATS[key].write(videos, tmp_path)
    called = [part for path in tmp_path.rglob("*") for part in path.relative_to(tmp_path).parts]
    devices = {"con", "nul", "com1", "lpt9"}
    assert not [part for part in called if part.lower().split(".")[0].strip() in devices]
    if key in ("pts", "dlib", "cvat"):
        plain = {part.split(".")[0] for part in called}
        assert {"COM10", "icon", "com1_"} <= plain
    if key in READABLE:
        assert FORMATS[key].read(written[0], videos[0])


def test_names_that_are_one_file_on_some_systems_get_a_number():
    same = ["CON", "con_", "Zo\u00eb", "Zoe\u0308", "zo\u00eb"]
    assert distinct(same) == ["CON", "con__2", "Zo\u00eb", "Zoe\u0308_2", "zo\u00eb_3"]


@pytest.mark.parametrize("key", EVERY)
@pytest.mark.parametrize("name", ["a" * 251, "日" * 80, "日" * 83])
def test_names_that_are_too_long_for_files_are_shortened(key, name, tmp_path):
    written = FORMATS[key].write([made_video(name), made_video(name)], tmp_path)
    assert all(path.exists() for path in written)
    if key in READABLE:
        assert FORMATS[key].read(written[0], made_video(name))


@pytest.mark.parametrize("key", ["pts", "dlib", "cvat", "deeplabcut", "deeplabcut-tracks"])
def test_long_names_that_begin_alike_stay_apart(key, tmp_path):
    videos = [made_video("a" * 240 + end) for end in "bcb"]
    written = FORMATS[key].write(videos, tmp_path)
    parts = 2 if key.startswith("deeplabcut") else 1
    assert len(set(written)) == 3 * parts + (key == "cvat")


@pytest.mark.parametrize("key", [key for key in EVERY if key != "pts"])
def test_a_folder_whose_path_is_too_long_says_so(key, tmp_path):
    with pytest.raises(FormatError, match="can't be written"):
        FORMATS[key].write([made_video()], tmp_path / ("x" * 300))


def test_the_extra_is_named_where_a_package_is_missing(tmp_path, monkeypatch):
    for key, module in (("sleap", "sleap_io"), ("parquet", "pyarrow"), ("deeplabcut", "tables")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(FormatError, match=r'pip install "napari-red\[formats\]"'):
            FORMATS[key].write([made_video()], tmp_path)


def test_unknown_formats_and_directions_say_what_there_is(tmp_path):
    with pytest.raises(FormatError, match="choose one of pts, dlib, coco"):
        format_called("yolo")
    with pytest.raises(FormatError, match="can only be written"):
        FORMATS["cvat"].read(tmp_path, made_video())


def test_videos_of_one_name_do_not_overwrite_each_other(tmp_path):
    written = FORMATS["dlib"].write([made_video("a"), made_video("A"), made_video("a_2")], tmp_path)
    assert len({path.name.lower() for path in written}) == 3


def test_the_marker_lists_what_was_written(tmp_path):
    FORMATS["csv"].write([made_video()], tmp_path)
    FORMATS["coco"].write([made_video()], tmp_path)
    marker = json.loads((tmp_path / "napari-red.json").read_text("utf-8"))
    assert marker["files"] == ["landmarks.csv", "coco.json"]


def test_names_of_landmarks_are_found_in_any_order():
    ours = landmark_names(68)
    assert ours[0] == "lm00_jaw"
    assert ours[67] == "lm67_mouth"
    assert sorted(ours) == ours
    turned = ours[::-1]
    assert [turned[place] for place in landmark_order(turned, 68, "x")] == ours
    from_1 = [f"lm{n}" for n in range(68, 0, -1)]
    assert landmark_order(from_1, 68, "x") == list(range(67, -1, -1))
    words = [chr(200 + n) for n in range(68)]
    assert landmark_order(words, 68, "x") == list(range(68))
    with pytest.raises(FormatError, match="twice"):
        landmark_order(["a"] * 68, 68, "x")
    assert (36, 37) in edges(68)
    assert (41, 36) in edges(68)


@st.composite
def videos(draw):
    """Any frames, positions in and around the picture, any landmarks missing or hidden."""
    faces = []
    for face in range(draw(st.integers(1, 2))):
        frames = sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=4)))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        shape = (len(frames), 68)
        landmarks = rng.uniform(-20, 340, (*shape, 2)).round(3)
        landmarks[rng.random(shape) < draw(st.sampled_from([0, 0.1, 0.9]))] = np.nan
        landmarks[:, 0] = 5  # a row without any landmark is not written
        visible = rng.random(shape) > draw(st.sampled_from([0, 0.5]))
        visible[:, 0] = True
        corrected = rng.random(shape) > draw(st.sampled_from([0.5, 1.1]))
        name = draw(st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1))
        faces.append(
            FaceAnnotation(
                face,
                f"{name.strip()} {face}",
                None,
                np.array(frames),
                landmarks,
                rng.random(shape),
                visible,
                corrected,
                rng.random(len(frames)) > 0.5,
                (None,) * len(frames),
            )
        )
    return VideoAnnotation(None, "talk", 10, 240, 320, 25.0, faces=tuple(faces))


@pytest.mark.parametrize("key", READABLE)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(video=videos())
def test_positions_survive_every_format_that_is_read(key, video, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    entry = FORMATS[key]
    first = entry.write([video], out)[0]
    got = entry.read(first, video)
    hidden_are_lost = key.startswith("deeplabcut")
    if key == "dlib":
        # It knows no slots: the face that comes first is the first.
        got = sorted(got, key=lambda face: face.name.rpartition(" ")[2])
    assert len(got) == len(video.faces)
    for face, other in zip(got, video.faces, strict=True):
        np.testing.assert_array_equal(face.frames, other.frames)
        wanted = other.landmarks
        if hidden_are_lost:
            wanted = np.where(other.visible[..., None], wanted, np.nan)
        atol = 0.5001 if key == "dlib" else 1e-3
        np.testing.assert_allclose(face.landmarks, wanted, atol=atol, rtol=0)
