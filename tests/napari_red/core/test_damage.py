"""Files and disks that can't be written, read or understood: a clear word, nothing touched."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from napari_red.core.blank_video import BlankVideo
from napari_red.core.project import Project, ProjectError
from napari_red.core.records import Correction, Prediction
from napari_red.core.session import Session

VIDEO = {"n_frames": 3000, "height": 120, "width": 160, "fps": 25.0}


def prediction(frame: int, value: float = 1.0) -> Prediction:
    chance = np.random.default_rng(frame).normal(value, 9, (68, 2))
    return Prediction(frame, chance.astype(np.float32), np.full(68, 0.5, np.float32))


def moved(value: float) -> bytes:
    made = Correction.empty(68)
    made.landmarks[:] = value
    return made.to_bytes()


def move(project: Project, frame: int, value: float = 1.0):
    cells = {("correction", 1, frame): moved(value)}
    return project.edit(cells, video_id=1, label="move", frames=(frame, frame))


@pytest.fixture
def path(tmp_path):
    """A closed project of one video, one track and 300 predicted frames."""
    path = tmp_path / "p.red"
    with Project(path) as project:
        video = project.add_video("/videos/a.mp4", "print-a", **VIDEO)
        project.add_track(video.id, 0, 68)
        run = project.start_run(video.id, "red-lite", "cpu")
        project.write_predictions(run, [(1, prediction(frame)) for frame in range(300)])
        move(project, 5)
    return path


def mounted(folder: Path, *options: str) -> Path:
    """A file system of its own, or the test is skipped."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs the right to mount")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting isn't allowed here")
    return folder


@pytest.fixture
def small_disk(tmp_path):
    folder = mounted(tmp_path / "small", "size=1m")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def refused(path: Path, message: str, mode="write") -> None:
    """It isn't opened, and is byte for byte what it was, with nothing beside it."""
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    with pytest.raises(ProjectError, match=message):
        Project(path, mode)
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside


@pytest.mark.parametrize("mode", ["write", "auto", "read"])
def test_a_newer_file_is_left_as_it_is(path, mode):
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA user_version = 99")
    db.close()
    refused(path, "update napari-red", mode)


@pytest.mark.parametrize("mode", ["write", "auto", "read"])
def test_another_programs_database_is_left_as_it_is(tmp_path, mode):
    path = tmp_path / "x.red"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE theirs (a)")
    db.close()
    refused(path, "no project of this program", mode)


@pytest.mark.parametrize("size", [1, 50, 99, 100, 4096, 20_000, 60_000])
def test_a_truncated_file_is_left_as_it_is(path, size):
    whole = path.read_bytes()
    assert len(whole) > size
    path.write_bytes(whole[:size])
    refused(path, "damaged or no .red file")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n", b"text" * 5000, bytes(8192)])
def test_a_file_of_another_kind_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "x.red"
    path.write_bytes(content)
    refused(path, "damaged or no .red file")


def test_reading_what_is_not_there_makes_nothing(tmp_path):
    with pytest.raises(ProjectError, match="there is no such file"):
        Project(tmp_path / "p.red", "read")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_project_but_is_not_read_as_one(tmp_path):
    path = tmp_path / "p.red"
    path.touch()
    refused(path, "is empty", "read")
    with Project(path) as project:
        assert project.videos() == []


def damage(path: Path) -> None:
    """Other bytes in the stored landmarks of the second chunk of frames."""
    db = sqlite3.connect(path)
    (data,) = db.execute("SELECT data FROM predictions WHERE chunk = 1").fetchone()
    db.execute("UPDATE predictions SET data = ? WHERE chunk = 1", (data[:200] + bytes(300),))
    db.commit()
    db.close()


def test_a_damaged_stretch_says_where_and_the_rest_is_still_read(path):
    damage(path)
    with Project(path) as project:
        assert project.chunk(1, 0).present.all()
        with pytest.raises(ProjectError, match="frames 129 to 256 is damaged"):
            project.chunk(1, 1)
        assert list(project.corrections(1)) == [5]


def test_aligning_again_mends_a_damaged_stretch(path):
    damage(path)
    with Project(path) as project:
        run = project.start_run(1, "red-lite", "cpu")
        project.write_predictions(run, [(1, prediction(f)) for f in range(128, 256)])
        assert project.chunk(1, 1).present.all()


def test_nonsense_of_a_model_is_kept_within_bounds(path):
    wild = prediction(10)
    wild.landmarks[0], wild.landmarks[1], wild.landmarks[2] = (1e30, -1e12), (np.inf, 3), (7, 8)
    wild.confidence[:3] = 1.5, -1, np.nan
    with Project(path) as project:
        project.write_predictions(project.start_run(1, "wild", ""), [(1, wild)])
        chunk = project.chunk(1, 0)
    assert chunk.landmarks[10, 0].tolist() == [2**24, -(2**24)]
    assert chunk.landmarks[10, 2].tolist() == [7, 8]
    assert chunk.confidence[10, :3].tolist() == [1, 0, 0]


# -- disks ---------------------------------------------------------------------------------


def fill(folder: Path) -> Path:
    """Take all room of a disk; the file that does."""
    filling = folder / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))
    return filling


def move_until_it_fails(project: Project, first: int) -> tuple[int, str]:
    """How many edits were made from a frame on, and what the failing one said."""
    for frame in range(first, 3000):
        try:
            move(project, frame, 2.0)
        except ProjectError as error:
            return frame - first, str(error)
    raise AssertionError("the disk is never full")


def test_a_full_disk_refuses_the_edit_and_keeps_all_before_it(path, small_disk):
    shutil.copy(path, small_disk / "p.red")
    with Project(small_disk / "p.red") as project:
        done, error = move_until_it_fails(project, 0)
        assert "nothing of it was lost; free some space" in error
        assert sorted(project.corrections(1)) == sorted({5, *range(done)})
        assert project.undo(1) is not None or done == 0
    with Project(small_disk / "p.red") as project:
        assert project.database.read("PRAGMA integrity_check") == [("ok",)]
        assert project.chunk(1, 2).present.sum() == 300 - 256


def test_work_goes_on_when_a_full_disk_has_room_again(path, small_disk):
    shutil.copy(path, small_disk / "p.red")
    with Project(small_disk / "p.red") as project:
        filling = fill(small_disk)
        assert "free some space" in move_until_it_fails(project, 100)[1]
        kept = sorted(project.corrections(1))
        filling.unlink()
        move(project, 2999)
        assert sorted(project.corrections(1)) == [*kept, 2999]
        assert project.undo(1) is not None


def test_a_full_disk_while_migrating_leaves_the_old_file(small_disk):
    from version_1 import Version1

    path = small_disk / "p.red"
    old = Version1(path, small_disk / "v.mp4", "print-a", 3000)
    old.predict(1, range(500), 10.0)
    old.close()
    assert path.stat().st_size > 2**19  # no room for a copy
    refused(path, "couldn't be brought up to date.*free some space|Free some space")


def test_no_new_project_on_a_full_disk(small_disk):
    filling = fill(small_disk)
    with pytest.raises(ProjectError):
        Project(small_disk / "p.red")
    filling.unlink()
    with Project(small_disk / "p.red") as project:
        assert project.videos() == []


@pytest.fixture
def read_only(path, tmp_path):
    """The project on a medium that can't be written, as a disc or a share."""
    folder = mounted(tmp_path / "disc", "size=4m")
    shutil.copy(path, folder / "p.red")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    yield folder / "p.red"
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_medium_is_read_and_says_why_it_is_not_written(read_only):
    with pytest.raises(ProjectError, match="its folder can't be written"):
        Project(read_only)
    with Project(read_only, "auto") as project:
        assert "Read-only file system" in project.read_only
        assert project.chunk(1, 0).present.all()
        with pytest.raises(ProjectError, match="nothing can be changed, because"):
            move(project, 9)
        with pytest.raises(ProjectError, match="nothing can be changed, because"):
            project.undo(1)
        with pytest.raises(ProjectError, match="nothing can be changed, because"):
            project.database.wipe(lambda db: None)


def test_the_session_of_a_video_on_a_read_only_medium_says_so(read_only, tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"a video")
    with Session(BlankVideo(tmp_path / "v.mp4", 3000), read_only) as session:
        assert any("opened for reading only" in warning for warning in session.warnings)
        with pytest.raises(ProjectError, match="nothing can be changed"):
            session.start_run("made", "cpu")


def test_a_file_that_may_not_be_written_is_opened_for_reading(path):
    if sys.platform == "linux" and os.geteuid() == 0:
        if subprocess.run(["chattr", "+i", str(path)], capture_output=True).returncode:
            pytest.skip("no immutable files here")
    else:
        path.chmod(0o444)
    try:
        with Project(path, "auto") as project:
            assert project.read_only == "the file may not be written"
            assert project.chunk(1, 0).present.all()
        with pytest.raises(ProjectError, match="allow writing to it, or work on a copy"):
            Project(path)
    finally:
        subprocess.run(["chattr", "-i", str(path)], capture_output=True)
        path.chmod(0o644)


def test_what_is_advised_fits_why_nothing_can_be_written(path, monkeypatch):
    def refusal(project):
        with pytest.raises(ProjectError, match="nothing can be changed, because") as caught:
            move(project, 9)
        assert project.locked in str(caught.value)
        return project.locked

    with Project(path) as first, Project(path, "auto") as second:
        assert "close the other one and open the project again" in refusal(second)
        assert first.locked == ""
    with Project(path, "read") as project:
        assert "opened for reading; open it again" in refusal(project)

    def no_lock(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("napari_red.core.database.ProjectLock", no_lock)
    with Project(path, "auto") as project:
        told = refusal(project)
        assert "allow writing there, or work on a copy of the file in another folder" in told
        assert "other one" not in told
    with pytest.raises(ProjectError, match="choose a folder that exists"):
        Project(path.with_name("new.red"))


def test_a_closed_project_says_so(path):
    project = Project(path)
    project.close()
    with pytest.raises(ProjectError, match="was closed; open the project again"):
        project.videos()


def test_a_closed_session_makes_no_new_file(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"a video")
    session = Session(BlankVideo(tmp_path / "v.mp4", 100))
    session.close()
    with pytest.raises(ProjectError, match="closed meanwhile"):
        session.start_run("made", "cpu")
    assert [one.name for one in tmp_path.iterdir()] == ["v.mp4"]


def test_wiping_without_room_for_a_copy_says_that_traces_may_be_left(path, monkeypatch):
    with Project(path) as project:
        real = project.database._do

        def no_room(work):
            if "VACUUM" in work.__code__.co_consts:
                raise ProjectError("full.")
            return real(work)

        monkeypatch.setattr(project.database, "_do", no_room)
        with pytest.raises(ProjectError, match="traces of it may be left"):
            project.database.wipe(lambda db: db.execute("DELETE FROM corrections"))
        monkeypatch.undo()
        assert project.corrections(1) == {}
