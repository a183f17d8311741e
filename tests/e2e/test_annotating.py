"""A whole session in a real window, step by step, with real mouse and key events.

With NAPARI_RED_SCREENSHOTS=FOLDER each step leaves a picture there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from knowing_aligner import write_video
from person import LEFT, sit_down
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog
from real_windows import drag, open_dock, open_viewer

__all__ = ["drag", "open_dock", "open_viewer", "sit_down"]

pytestmark = [pytest.mark.window, pytest.mark.slow]


def test_a_whole_session_and_all_of_it_is_there_again(sit_down, tmp_path, monkeypatch):
    clips = [write_video(tmp_path / f"{n}.mp4", length) for n, length in (("one", 24), ("two", 30))]
    project = tmp_path / "faces.red"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(project), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(project), ""))
    monkeypatch.setattr(
        QFileDialog, "getOpenFileNames", lambda *_: ([str(clip) for clip in clips], "")
    )
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    person = sit_down()
    dock, work = person.dock, person.work
    person.looks("01-nothing-open")

    # Two videos in one project; the first of them opens by itself.
    person.chooses(dock.videos.project, "New project")
    assert dock.state.project.name.whole() == "faces.red"
    person.chooses(dock.videos.add, "Videos")
    person.waits(lambda: dock.videos.names() == ["one", "two"])
    person.waits(lambda: person.session is not None)
    assert work.video.name == "one"
    person.looks("02-two-videos")

    # Both are pre-annotated, two faces in each.
    dock.faces.count.setValue(2)
    person.clicks(dock.videos.start_all)
    person.waits_for_the_job()
    person.waits(lambda: [row.video.state for row in dock.videos_control.standings] == ["done"] * 2)
    assert "2 videos done" in dock.state.job.message.text()
    assert person.session.n_faces == 2
    person.looks("03-pre-annotated")

    # A landmark is put right with the mouse.
    person.turns_to(5)
    person.drags_point(8, (8.0, -3.0))
    person.waits(lambda: "1 corrected" in dock.state.frame.text())
    corrected = person.session.view(5).landmarks[0].copy()
    person.looks("04-corrected")

    # The first face gets a name; the second video knows it.
    person.names("anna")
    assert person.session.tracks[0].identity.name == "anna"
    assert dock.faces.person.findText("anna") >= 0

    # Split by a key, and undone.
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    person.turns_to(12)
    person.presses(Qt.Key.Key_S, shift)
    person.waits(lambda: dock.faces.list.topLevelItemCount() == 3)
    person.waits_for_the_job()
    assert person.session.n_faces == 3
    person.looks("05-split")
    person.presses(Qt.Key.Key_Z, control)
    assert person.session.n_faces == 2

    # Re-tracked from the corrected frame: looked at, kept, undone, done again.
    person.turns_to(5)
    person.clicks_row(dock.faces.list, 0)
    before = person.session.view(7).landmarks[0].copy()
    person.clicks(dock.review.forward)
    person.waits_for_the_job()
    assert dock.review.choice.isVisible()
    assert dock.strip.proposed
    np.testing.assert_array_equal(person.session.view(7).landmarks[0], before)
    person.looks("06-proposed")
    person.clicks(dock.review.keep)
    assert not dock.review.choice.isVisible()
    moved = person.session.view(7).landmarks[0].copy()
    assert np.abs(moved - before).max() > 1
    person.presses(Qt.Key.Key_Z, control)
    np.testing.assert_array_equal(person.session.view(7).landmarks[0], before)
    person.presses(Qt.Key.Key_Z, control, shift)
    np.testing.assert_array_equal(person.session.view(7).landmarks[0], moved)
    np.testing.assert_array_equal(person.session.view(5).landmarks[0], corrected)

    # Accepted: this frame, and all up to it.
    person.turns_to(5)
    person.presses(Qt.Key.Key_G)
    assert person.session.view(5).accepted.all()
    assert "accepted" in dock.state.frame.text()
    person.turns_to(3)
    person.presses(Qt.Key.Key_G, shift)
    person.waits(lambda: dock.review.counts.text().startswith("5 accepted"))

    # The queue: its first proposal, whichever video it is in.
    person.waits(lambda: bool(dock.review_control.queue))
    person.qtbot.wait(900)
    first = dock.review_control.queue[0]
    person.presses(Qt.Key.Key_N)
    person.waits(
        lambda: (
            person.session is not None
            and (person.session.video_id, work.view.frame) == (first.video.id, first.frame)
        )
    )
    assert dock.review.list.currentRow() == 0
    person.looks("07-next-of-the-queue")

    # The strip: a click goes there.
    person.waits(lambda: dock.strip.overview is not None)
    left, width = dock.strip._span()
    person.qtbot.mouseClick(dock.strip, LEFT, pos=QPoint(left + width // 2, 10))
    person.waits(lambda: abs(work.view.frame - person.session.n_frames // 2) <= 1)

    # Out it goes, both videos in one table.
    dock.sections.open("Export")
    dock.export.format.setCurrentIndex(dock.export.format.findData("csv"))
    dock.export.videos.setCurrentIndex(1)
    person.clicks(dock.export.change)
    person.clicks(dock.export.start)
    person.waits_for_the_job()
    person.looks("08-exported")
    table = pd.read_csv(tmp_path / "out" / "landmarks.csv")
    assert set(table["video"]) == {"one", "two"}
    assert "anna" in set(table["identity"])
    dock.close_workbench()
    person.viewer.close()

    # Another day.
    person = sit_down()
    dock = person.dock
    person.chooses(dock.videos.project, "Open project")
    person.waits(lambda: dock.videos.names() == ["one", "two"])
    person.opens("Videos")
    person.double_clicks(dock.videos.list, 0)
    person.waits(lambda: person.session is not None)
    assert person.work.video.name == "one"
    assert person.session.tracks[0].identity.name == "anna"
    np.testing.assert_array_equal(person.session.view(5).landmarks[0], corrected)
    np.testing.assert_array_equal(person.session.view(7).landmarks[0], moved)
    assert person.session.view(5).accepted.all()
    person.waits(lambda: dock.review.counts.text().startswith("5 accepted"))
    person.looks("09-another-day")
    for _ in range(2):
        person.clicks(dock.review.undo)
    assert not person.session.view(5).accepted.any()
    dock.close_workbench()


def test_a_project_that_is_open_elsewhere_is_read_only_and_says_so(sit_down, tmp_path):
    clip = write_video(tmp_path / "one.mp4")
    first = sit_down()
    first.dock.videos_control.open_project(tmp_path / "p.red")
    first.dock.videos_control.add([clip])
    first.waits_for_the_job()
    first.waits(lambda: first.session is not None)
    second = sit_down()
    second.dock.videos_control.open_project(tmp_path / "p.red")
    assert "Read-only, because it is open" in second.dock.state.project.locked.text()
    assert "close the other one" in second.dock.state.project.locked.text()
    second.waits(lambda: second.dock.videos.names() == ["one"])
    second.opens("Videos")
    second.double_clicks(second.dock.videos.list, 0)
    second.waits(lambda: second.session is not None)
    assert not second.dock.videos.start.isEnabled()
    assert not second.dock.review.accept.isEnabled()
    second.looks("10-read-only")
    second.dock.close_workbench()
    first.dock.close_workbench()
