"""Labels of a folder of pictures: the picture's name says which frame they are of."""

import csv
import json
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from made_annotation import made_face, made_video, same_landmarks

from napari_red.core.formats.base import FormatError, Options
from napari_red.core.formats.marker import Marker, Origin
from napari_red.core.formats.registry import FORMATS
from napari_red.core.gather import annotation_of
from napari_red.core.records import VideoRecord
from napari_red.core.session import Session
from trainer.data.video import open_video

NAMES = {
    "img0100": [f"img{100 + n:04d}" for n in range(12)],
    "frame_1": [f"frame_{n + 1}" for n in range(12)],
    "sparse": [f"img{7 * n:04d}" for n in range(12)],
    "numbers": [f"{100 + n:06d}" for n in range(12)],
}
BY_NAME = ("dlib", "coco", "deeplabcut")


def of_pictures(names, path=None):
    """Frames 0 to 5 and the last are annotated, hidden landmarks are not asked for."""
    video = made_video("talk", len(names), path)
    faces = tuple(replace(face, visible=np.ones_like(face.visible)) for face in video.faces)
    return replace(video, picture_names=names, faces=faces)


def folder_of(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        iio.imwrite(folder / f"{name}.png", np.zeros((4, 4, 3), np.uint8))
    return folder


def black(video, frame):
    return np.zeros((video.height, video.width, 3), np.uint8)


def labels_of(key, folder, *pictures):
    """A file as others make it: one face in each of these pictures."""
    points = np.arange(136.0).reshape(68, 2)
    path = folder / f"labels.{key}"
    if key == "deeplabcut":
        path = path.with_suffix(".csv")
        head = [["scorer", "", "", *["me"] * 136], ["bodyparts", "", ""], ["coords", "", ""]]
        head[1] += [f"p{n}" for n in range(68) for _ in "xy"]
        head[2] += ["x", "y"] * 68
        rows = [["labeled-data", "talk", name, *points.ravel()] for name in pictures]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(head + rows)
    elif key == "coco":
        keypoints = [float(value) for x, y in points for value in (x, y, 2)]
        images = [{"id": n, "file_name": name} for n, name in enumerate(pictures)]
        found = [{"id": n, "image_id": n, "keypoints": keypoints} for n in range(len(pictures))]
        path.write_text(json.dumps({"images": images, "annotations": found}))
    else:
        parts = "".join(
            f"<part name='{n:02d}' x='{x}' y='{y}'/>" for n, (x, y) in enumerate(points)
        )
        images = (f"<image file='{name}'><box>{parts}</box></image>" for name in pictures)
        path.write_text(f"<dataset><images>{''.join(images)}</images></dataset>")
    return path


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("key", BY_NAME)
def test_labels_of_a_picture_are_of_its_frame(key, names, tmp_path):
    video = of_pictures(NAMES[names])
    path = labels_of(key, tmp_path, f"{NAMES[names][10]}.png", f"{NAMES[names][2]}.png")
    (face,) = FORMATS[key].read(path, video)
    assert face.frames.tolist() == [2, 10]


@pytest.mark.parametrize("key", BY_NAME)
def test_a_picture_that_is_not_in_the_folder_is_refused_if_it_is_called_like_those(key, tmp_path):
    video = of_pictures(NAMES["sparse"])
    path = labels_of(key, tmp_path, "img0001.png")
    with pytest.raises(FormatError, match=r"img0001 .* img0000 to img0077.* this folder"):
        FORMATS[key].read(path, video)


@pytest.mark.parametrize("key", BY_NAME)
def test_a_name_that_two_pictures_have_is_refused(key, tmp_path):
    video = of_pictures(["img1", "img1", "img2", *NAMES["img0100"][3:]])
    path = labels_of(key, tmp_path, "img1.png")
    with pytest.raises(FormatError, match="not exactly one picture"):
        FORMATS[key].read(path, video)


@pytest.mark.parametrize("key", BY_NAME)
def test_names_given_elsewhere_count_frames_from_0(key, tmp_path):
    video = of_pictures([f"{n + 1:06d}" for n in range(12)])
    (face,) = FORMATS[key].read(labels_of(key, tmp_path, "img0003.png"), video)
    assert face.frames.tolist() == [3]


@pytest.mark.parametrize("pictures", [None, black])
@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("key", [*BY_NAME, "deeplabcut-tracks", "sleap", "pts"])
def test_what_is_written_of_a_folder_is_read_for_it(key, names, pictures, tmp_path):
    if key.startswith("deeplabcut"):
        pytest.importorskip("tables")
    if key == "sleap":
        pytest.importorskip("sleap_io")
    folder = folder_of(tmp_path / "talk", NAMES[names])
    video = of_pictures(NAMES[names], folder)
    written = FORMATS[key].write([video], tmp_path / "out", Options(frame_image=pictures))
    got = FORMATS[key].read(written[0], video)
    same_landmarks(got, video, atol=0.5001 if key == "dlib" else 1e-3)


SHARED = {
    "words": ["img1.png", "img1.jpg", *[f"img{n}.png" for n in range(2, 12)]],
    "numbers": ["1.png", "1.jpg", *[f"{n}.png" for n in range(2, 12)]],
}


def of_shared_names(folder, files):
    """A folder in which two pictures have one name, but for the suffix, as a project has it."""
    folder.mkdir()
    for file in files:
        iio.imwrite(folder / file, np.zeros((4, 4, 3), np.uint8))
    with open_video(folder) as film:
        record = VideoRecord(1, str(folder), "", "talk", 12, 240, 320, 25.0, film.frame_names)
    video = of_pictures(film.frame_names, folder)
    return replace(video, stems=record.annotation_stems()), [p.name for p in film.pictures]


@pytest.mark.parametrize("pictures", [None, black])
@pytest.mark.parametrize("files", SHARED)
@pytest.mark.parametrize("key", [*BY_NAME, "deeplabcut-tracks", "sleap", "pts"])
def test_what_is_written_of_pictures_that_share_a_name_is_read_for_them(
    key, files, pictures, tmp_path
):
    if key.startswith("deeplabcut"):
        pytest.importorskip("tables")
    if key == "sleap":
        pytest.importorskip("sleap_io")
    video, _ = of_shared_names(tmp_path / "talk", SHARED[files])
    written = FORMATS[key].write([video], tmp_path / "out", Options(frame_image=pictures))
    got = FORMATS[key].read(written[0], video)
    same_landmarks(got, video, atol=0.5001 if key == "dlib" else 1e-3)


@pytest.mark.parametrize("key", BY_NAME)
def test_of_pictures_that_share_a_name_the_suffix_tells(key, tmp_path):
    video, files = of_shared_names(tmp_path / "talk", SHARED["words"])
    (face,) = FORMATS[key].read(labels_of(key, tmp_path, "img1.png", "img2.png"), video)
    assert [files[frame] for frame in face.frames] == ["img1.png", "img2.png"]


def test_a_table_for_deeplabcut_names_the_pictures_of_the_folder(tmp_path):
    pytest.importorskip("tables")
    folder = folder_of(tmp_path / "talk", NAMES["img0100"])
    video = of_pictures(NAMES["img0100"], folder)
    for pictures in (None, black):
        as_csv, _ = FORMATS["deeplabcut"].write([video], tmp_path, Options(frame_image=pictures))
        rows = list(csv.reader(as_csv.open(encoding="utf-8")))[4:]
        frames = [frame for frame, _ in video.by_frame()]
        assert [row[2] for row in rows] == [f"img{100 + frame:04d}.png" for frame in frames]
    assert all((as_csv.parent / row[2]).is_file() for row in rows)


def test_pictures_that_sleap_counts_otherwise_are_found_by_name(tmp_path):
    pytest.importorskip("sleap_io")
    folder = folder_of(tmp_path / "talk", NAMES["img0100"])
    video = of_pictures(NAMES["img0100"], folder)
    names = NAMES["img0100"][3:6]
    fewer = replace(video, n_frames=3, times=None, picture_names=names, faces=())
    only = replace(video, faces=(made_face(0, [4]),))
    (path,) = FORMATS["sleap"].write([only], tmp_path / "one")
    (face,) = FORMATS["sleap"].read(path, fewer)
    assert face.frames.tolist() == [1]


def test_a_frame_id_that_contradicts_the_name_is_refused(tmp_path):
    (path,) = FORMATS["coco"].write([of_pictures(NAMES["img0100"])], tmp_path)
    moved = of_pictures([f"img{99 + n:04d}" for n in range(12)])
    with pytest.raises(FormatError, match=r"frame 0 .* by its frame_id, .* is frame 1"):
        FORMATS["coco"].read(path, moved)


def test_a_project_knows_the_names_of_the_pictures(tmp_path):
    folder = folder_of(tmp_path / "talk", NAMES["img0100"])
    with open_video(folder) as video, Session(video) as session:
        session.start_run("m", "cpu")
        video_annotation = annotation_of(*session.opened())
    assert video_annotation.picture(3) == "img0103"
    assert video_annotation.stem(3) == "000004"


@pytest.mark.parametrize(("first", "noted"), [(0, False), (1, True)])
def test_of_a_table_of_an_earlier_version_is_said_that_it_may_count_otherwise(
    first, noted, tmp_path
):
    video = of_pictures([f"img{first + n:04d}" for n in range(12)])
    path = labels_of("deeplabcut", tmp_path, "img0003.png")
    notes = []
    FORMATS["deeplabcut"].read(path, video, notes.append)
    assert not notes
    Marker([path.name]).write(tmp_path)
    (face,) = FORMATS["deeplabcut"].read(path, video, notes.append)
    assert face.frames.tolist() == [3 - first]
    assert [("frame 3" in note and "img0003.png" in note) for note in notes] == [True] * noted
    notes.clear()
    Marker([path.name], {path.name: Origin("p")}).write(tmp_path)
    FORMATS["deeplabcut"].read(path, video, notes.append)
    assert not notes
