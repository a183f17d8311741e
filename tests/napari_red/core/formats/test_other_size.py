"""Labels that were made in pictures of another size than the video's."""

import csv
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from made_annotation import made_video, same_landmarks

from napari_red.core.formats.base import FormatError
from napari_red.core.formats.registry import FORMATS

READABLE = sorted(key for key, entry in FORMATS.items() if entry.reader)


@pytest.fixture(autouse=True)
def _extra():
    pytest.importorskip("sleap_io")
    pytest.importorskip("tables")


def seen(video):
    """The video with all landmarks visible: DeepLabCut's tables keep no others."""
    faces = (replace(face, visible=np.ones_like(face.visible)) for face in video.faces)
    return replace(video, faces=tuple(faces))


def larger(video, times=2):
    """The same video with each pixel as a square of pixels."""
    faces = (replace(face, landmarks=(face.landmarks + 0.5) * times - 0.5) for face in video.faces)
    width, height = video.width * times, video.height * times
    return replace(video, width=width, height=height, faces=tuple(faces))


def labels_of_others(key, folder, picture, position):
    """A file that tells no size: 68 times one position in a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    x, y = position
    if key == "pts":
        points = "\n".join([f"{x + 1} {y + 1}"] * 68)
        (folder / "000001.pts").write_text(f"version: 1\nn_points: 68\n{{\n{points}\n}}\n")
        return folder
    if key == "dlib":
        parts = "".join(f"<part name='{n:02d}' x='{x}' y='{y}'/>" for n in range(68))
        image = f"<image file='{picture}'><box>{parts}</box></image>"
        path = folder / "labels.xml"
        path.write_text(f"<dataset><images>{image}</images></dataset>")
        return path
    path = folder / "CollectedData_me.csv"
    rows = [["scorer", "", "", *["me"] * 136], ["bodyparts", "", ""], ["coords", "", ""]]
    rows[1] += [f"p{n}" for n in range(68) for _ in "xy"]
    rows[2] += ["x", "y"] * 68
    rows.append(["labeled-data", "talk", picture, *[x, y] * 68])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize("key", READABLE)
def test_labels_of_a_larger_copy_are_scaled_and_it_is_said(key, tmp_path):
    video, said = seen(made_video()), []
    written = FORMATS[key].write([larger(video)], tmp_path)
    got = FORMATS[key].read(written[0], video, said.append)
    same_landmarks(got, video, atol=0.2501 if key == "dlib" else 1e-3)
    (note,) = said
    assert (
        "labelled in pictures of 640 × 480 pixels; the landmarks were scaled to the 320 × 240"
        in note
    )


@pytest.mark.parametrize("key", READABLE)
def test_labels_of_the_same_size_are_taken_without_a_word(key, tmp_path):
    video, said = made_video(), []
    written = FORMATS[key].write([video], tmp_path)
    FORMATS[key].read(written[0], video, said.append)
    assert not said


@pytest.mark.parametrize("key", READABLE)
def test_pictures_of_another_shape_are_refused(key, tmp_path):
    written = FORMATS[key].write([replace(made_video(), height=320)], tmp_path)
    with pytest.raises(FormatError, match=r"320 × 320 pixels, and .* 320 × 240, another shape"):
        FORMATS[key].read(written[0], made_video())


@pytest.mark.parametrize("key", ["dlib", "deeplabcut"])
def test_pictures_beside_the_labels_tell_their_size(key, tmp_path):
    iio.imwrite(tmp_path / "img0001.png", np.zeros((480, 640, 3), np.uint8))
    path = labels_of_others(key, tmp_path, "img0001.png", (21, 31))
    (face,) = FORMATS[key].read(path, made_video())
    np.testing.assert_allclose(face.landmarks[0], [(10.25, 15.25)] * 68)


@pytest.mark.parametrize("key", ["dlib", "deeplabcut", "pts"])
def test_faces_outside_the_picture_are_told_where_no_size_is(key, tmp_path):
    for position, outside in (((319, 239), False), ((321, 100), True), ((20, -2), True)):
        said = []
        path = labels_of_others(key, tmp_path / str(position[0]), "img0001.png", position)
        (face,) = FORMATS[key].read(path, made_video(), said.append)
        np.testing.assert_allclose(face.landmarks[0], [position] * 68)
        assert bool(said) == outside
        assert all("1 of 1 faces lie outside the 320 × 240 pixels" in note for note in said)


@pytest.mark.parametrize("key", ["coco", "pts", "dlib", "deeplabcut"])
def test_labels_of_another_copy_are_told(key, tmp_path):
    said = []
    written = FORMATS[key].write([replace(made_video(), id="aa")], tmp_path)
    for id, notes in (("aa", 0), ("bb", 1), ("", 1)):
        FORMATS[key].read(written[0], replace(made_video(), id=id), said.append)
        assert len(said) == notes
    assert "made of another video than" in said[0]
