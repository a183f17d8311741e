"""Two programs at one project: one writes, the others read and say why."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import edit_forever
import pytest

from napari_red.core.blank_video import BlankVideo
from napari_red.core.file_lock import ProjectLock, Taken
from napari_red.core.project import Project, ProjectError
from napari_red.core.session import Session

WHY = "it is open in another window or program"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"a video")
    return tmp_path


@pytest.fixture
def writer(folder):
    """Another program that edits the project all the time."""
    command = [sys.executable, edit_forever.__file__, "edit", str(folder), "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    for _ in range(5):
        process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def opened(folder: Path) -> Session:
    return Session(BlankVideo(folder / "v.mp4", edit_forever.N_FRAMES))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_the_second_program_reads_while_the_first_writes_and_writes_after_it_died(folder, writer):
    with pytest.raises(ProjectError, match=f"{WHY}; close the other one"):
        Project(folder / "v.red")
    with opened(folder) as session:
        assert session.read_only == WHY
        assert any(WHY in warning for warning in session.warnings)
        for _ in range(3):
            session.reload()
            for frame in range(0, edit_forever.N_FRAMES, 100):
                session.view(frame)
        with pytest.raises(ProjectError, match="nothing can be changed"):
            session.move(3, 0, {1: (2, 2)})
        assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert names(folder)[0] == ".v.red.lock"  # it lies there, and holds nothing
    with opened(folder) as session:
        assert not session.read_only
        session.move(3, 0, {1: (2, 2)})
    assert names(folder) == ["v.mp4", "v.red"]


def test_only_the_one_file_is_left_after_closing(folder):
    with Project(folder / "v.red"):
        assert names(folder) == [".v.red.lock", "v.mp4", "v.red"]
    assert names(folder) == ["v.mp4", "v.red"]


def test_a_copy_of_the_file_alone_is_the_whole_project_after_every_edit(folder):
    with opened(folder) as session:
        edit_forever.align(session, random.Random(1), 2)
        for frame in range(12):
            session.move(frame, 0, {1: (frame, 2)})
            shutil.copy(folder / "v.red", folder / f"copy{frame}.red")
    for frame in range(12):
        with Project(folder / f"copy{frame}.red", "read") as project:
            assert project.corrected_frames(1) == list(range(frame + 1))
            assert project.database.read("PRAGMA integrity_check") == [("ok",)]


def test_the_second_opener_in_the_same_program_reads_too(folder):
    with Project(folder / "v.red"), Project(folder / "v.red", "auto") as second:
        assert second.read_only == WHY
        assert second.videos() == []


def test_reading_takes_no_lock(folder):
    Project(folder / "v.red").close()
    with Project(folder / "v.red", "read") as reader, Project(folder / "v.red") as writer:
        assert reader.read_only == "it was opened for reading"
        assert not writer.read_only


def test_the_lock_goes_from_hand_to_hand_without_two_holding_it(tmp_path):
    path = tmp_path / "p.red"
    first = ProjectLock(path)
    with pytest.raises(Taken):
        ProjectLock(path)
    first.release()
    first.release()
    second = ProjectLock(path)
    first.release()
    with pytest.raises(Taken):
        ProjectLock(path)
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_a_window_that_comes_late_does_not_hide_its_landmarks_elsewhere(folder):
    first, second = opened(folder), opened(folder)  # neither has made the file yet
    with first, second:
        first.start_run("made", "cpu")
        with pytest.raises(ProjectError, match=WHY):
            second.start_run("made", "cpu")
        assert second.project_path == folder / "v.red"
