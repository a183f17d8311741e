"""What is exported into a folder in which there is an export already, and what is read of it."""

import json
import os
import shutil

import numpy as np
import pytest
from knowing_aligner import truth, write_video

from napari_red.core import find_videos, gather
from napari_red.core.add_videos import add_videos
from napari_red.core.export import ExportChoice, export_project
from napari_red.core.formats import base
from napari_red.core.formats.base import FormatError, distinct, file_name
from napari_red.core.formats.marker import Marker
from napari_red.core.formats.registry import FORMATS
from napari_red.core.import_labels import import_labels
from napari_red.core.jobs import Progress, StopWork
from napari_red.core.merge import merge
from napari_red.core.project import Project
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from trainer.data.video import open_video

WRITABLE = sorted(key for key, entry in FORMATS.items() if entry.writer)


@pytest.fixture(autouse=True)
def _extra():
    pytest.importorskip("sleap_io")
    pytest.importorskip("pyarrow")
    pytest.importorskip("tables")


def made_project(path, *videos, off=0.0):
    """A project with a face in every frame of these videos, ``off`` pixels from the truth."""
    with Project(path) as project:
        add_videos(project, list(videos))
        for number, video in enumerate(videos):
            with open_video(video) as film, Session(film, project=project) as session:
                run = session.start_run("m", "cpu")
                sure = np.full(68, 0.9, np.float32)
                rows = [
                    (0, Prediction(frame, truth(frame) + off + number, sure))
                    for frame in range(film.n_frames)
                ]
                session.store(run, rows)
                session.finish_run(run, "done")
    return path


def export(project, out, key="pts", **choices):
    with Project(project, "read") as opened:
        return export_project(opened, out, choice=ExportChoice(key), **choices).written


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def clips(tmp_path):
    """Two videos of one name."""
    for folder, n_frames in (("a", 12), ("b", 10)):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "clip.mp4", n_frames)
    return [tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4"]


@pytest.fixture
def both(tmp_path, clips):
    """Two projects, each of a video of the same name."""
    return [made_project(tmp_path / f"{n}.red", clip, off=n) for n, clip in enumerate(clips)]


@pytest.mark.parametrize("key", WRITABLE)
def test_what_another_project_exported_is_left_alone(key, both, tmp_path):
    export(both[0], tmp_path / "out", key)
    before = contents(tmp_path / "out")
    with pytest.raises(FormatError, match="from another project; choose another folder"):
        export(both[1], tmp_path / "out", key)
    after = contents(tmp_path / "out")
    # cvat_labels.json is of no project.
    assert {path: after.get(path) for path in before} == before


def test_two_projects_may_export_other_files_into_one_folder(both, tmp_path):
    out = tmp_path / "out"
    assert export(both[0], out, "csv")
    assert export(both[1], out, "coco")
    assert set(json.loads((out / "napari-red.json").read_text("utf-8"))["files"]) == {
        "landmarks.csv",
        "coco.json",
    }


@pytest.mark.parametrize("key", WRITABLE)
def test_a_project_that_was_moved_is_the_same_project(key, both, tmp_path):
    first = export(both[0], tmp_path / "out", key)
    (tmp_path / "else").mkdir()
    moved = both[0].rename(tmp_path / "else" / "renamed.red")
    assert export(moved, tmp_path / "out", key) == first


@pytest.mark.parametrize("key", WRITABLE)
def test_exports_of_earlier_versions_are_replaced_and_then_known(key, both, tmp_path):
    export(both[0], tmp_path / "out", key)
    for marker in tmp_path.glob("out/**/napari-red.json"):
        text = json.loads(marker.read_text("utf-8"))
        marker.write_text(json.dumps({"written_by": "napari-red", "files": text["files"]}))
    export(both[0], tmp_path / "out", key)
    with pytest.raises(FormatError, match="from another project"):
        export(both[1], tmp_path / "out", key)


def test_of_projects_refused_nothing_is_written_yet(both, clips, tmp_path):
    write_video(tmp_path / "other.mp4", 14)
    second = made_project(tmp_path / "c.red", tmp_path / "other.mp4", clips[0], off=3)
    export(both[0], tmp_path / "out")
    with pytest.raises(FormatError, match="from another project"):
        export(second, tmp_path / "out")
    assert not list(tmp_path.glob("out/other/annot/*"))


@pytest.mark.parametrize("key", ["pts", "dlib", "deeplabcut", "deeplabcut-tracks"])
def test_videos_of_one_name_exported_one_after_the_other_are_both_kept(key, clips, tmp_path):
    project = made_project(tmp_path / "p.red", *clips)
    with Project(project, "read") as opened:
        ids = [video.id for video in opened.videos()]
    first = export(project, tmp_path / "out", key, video_ids=ids[:1])
    before = {
        path: data for path, data in contents(tmp_path / "out").items() if "json" not in path.name
    }
    second = export(project, tmp_path / "out", key, video_ids=ids[1:])
    assert not set(first) & set(second)
    after = contents(tmp_path / "out")
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("key", ["pts", "coco", "deeplabcut", "sleap"])
def test_of_videos_of_one_name_the_same_video_is_imported(key, clips, tmp_path):
    out = tmp_path / "out"
    written = export(made_project(tmp_path / "p.red", *clips), out, key)
    for number, clip in enumerate(clips):
        project = Project(tmp_path / f"q{number}.red")
        with project, open_video(clip) as video, Session(video, project=project) as session:
            import_labels(
                session, key, written[0] if written[0].is_file() and key != "deeplabcut" else out
            )
            got = session.view(5).landmarks[0]
            np.testing.assert_allclose(got, truth(5) + number, atol=1e-2)


@pytest.mark.parametrize("key", ["pts", "deeplabcut"])
def test_a_third_video_of_the_name_is_not_taken_for_one_of_them(key, clips, tmp_path):
    out = tmp_path / "out"
    export(made_project(tmp_path / "p.red", *clips), out, key)
    (tmp_path / "c").mkdir()
    write_video(tmp_path / "c" / "clip.mp4", 11)
    with (
        Project(tmp_path / "q.red") as project,
        open_video(tmp_path / "c" / "clip.mp4") as video,
        Session(video, project=project) as session,
        pytest.raises(FormatError, match=r"several videos are called clip .*clip, clip_2"),
    ):
        import_labels(session, key, out)


@pytest.mark.parametrize("key", ["csv", "pts"])
def test_a_damaged_marker_says_what_to_do(key, both, tmp_path):
    export(both[0], tmp_path / "out", key)
    before = contents(tmp_path / "out")
    for marker in tmp_path.glob("out/**/napari-red.json"):
        marker.write_text("")
    with pytest.raises(FormatError, match=r"napari-red.json: is damaged.* choose another folder"):
        export(both[0], tmp_path / "out", key)
    assert before.keys() == contents(tmp_path / "out").keys()


@pytest.mark.parametrize("key", ["coco", "pts", "csv"])
def test_a_merged_project_is_another_than_those_it_was_made_from(key, both, tmp_path):
    merge(both, tmp_path / "all.red")
    merge([tmp_path / "all.red"], tmp_path / "again.red")
    paths = [*both, tmp_path / "all.red", tmp_path / "again.red"]
    ids = set()
    for path in paths:
        with Project(path, "read") as project:
            ids.add(gather.project_id(project))
    assert len(ids) == len(paths)
    export(both[0], tmp_path / "out", key)
    before = contents(tmp_path / "out")
    with pytest.raises(FormatError, match="was exported from another project"):
        export(tmp_path / "all.red", tmp_path / "out", key)
    assert contents(tmp_path / "out") == before


def test_a_copy_of_a_project_is_the_same_project(both, tmp_path):
    first = export(both[0], tmp_path / "out", "coco")
    shutil.copy(both[0], tmp_path / "copy.red")
    assert export(tmp_path / "copy.red", tmp_path / "out", "coco") == first


@pytest.mark.parametrize("key", ["csv", "coco", "pts"])
def test_an_export_without_pictures_reads_no_video(key, both, tmp_path, monkeypatch):
    monkeypatch.setattr(find_videos, "contents_of", None)
    assert export(both[0], tmp_path / "out", key)


def test_gathering_what_is_exported_is_told_and_can_be_stopped(clips, tmp_path):
    told = []
    path = made_project(tmp_path / "p.red", *clips)
    with Project(path, "read") as opened, pytest.raises(StopWork):
        export_project(opened, tmp_path / "out", told.append, lambda: bool(told))
    assert told == [Progress(0, 2, "clip")]


def test_the_names_of_an_export_are_made_once(clips, tmp_path, monkeypatch):
    calls = []

    def counted(names):
        calls.append(list(names))
        return distinct(names)

    monkeypatch.setattr(gather, "distinct", counted)
    path = made_project(tmp_path / "p.red", *clips)
    calls.clear()
    assert len(export(path, tmp_path / "out")) == 2
    assert calls == [["clip", "clip"]]


def test_many_names_that_are_alike_are_numbered_without_trying_all(monkeypatch):
    tried = []

    def counted(name):
        tried.append(name)
        return file_name(name)

    monkeypatch.setattr(base, "file_name", counted)
    names = ["clip", "clip_3", "Clip", *["clip"] * 40]
    found = base.distinct(names)
    assert found[:6] == ["clip", "clip_3", "Clip_2", "clip_4", "clip_5", "clip_6"]
    assert len({name.lower() for name in found}) == len(names)
    assert len(tried) < 4 * len(names)


def stopped_export(monkeypatch, name, stop, *args):
    """An export in which a function of os is replaced by one that stops the program."""
    with monkeypatch.context() as patch:
        patch.setattr(os, name, stop)
        with pytest.raises(KeyboardInterrupt):
            export(*args)


def test_a_marker_is_whole_whenever_the_program_is_stopped(both, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    export(both[0], tmp_path / "out", "csv")
    stopped_export(monkeypatch, "fsync", stop, both[0], tmp_path / "out", "coco")
    assert Marker.read(tmp_path / "out").files == ["landmarks.csv"]
    assert export(both[0], tmp_path / "out", "coco")


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_file_is_ours_whenever_the_program_is_stopped(nth, before, both, tmp_path, monkeypatch):
    real, calls = os.replace, []

    def stop(*paths):
        calls.append(paths)
        if len(calls) < nth or not before:
            real(*paths)
        if len(calls) == nth:
            raise KeyboardInterrupt

    stopped_export(monkeypatch, "replace", stop, both[0], tmp_path / "out", "csv")
    assert len(calls) == nth
    assert export(both[0], tmp_path / "out", "csv")
