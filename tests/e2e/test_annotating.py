"""A whole session in a real window, step by step, with real mouse and key events.

With NAPARI_RED_SCREENSHOTS=FOLDER each step leaves a picture there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from knowing_aligner import KnowingAligner, write_video
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QFileDialog
from real_windows import drag, open_dock, open_viewer

from napari_red._qt.dock import FaceLandmarksDock

__all__ = ["drag", "open_dock", "open_viewer"]

pytestmark = [pytest.mark.window, pytest.mark.slow]

LEFT = Qt.MouseButton.LeftButton


class Person:
    """Somebody in front of the window: looks, clicks, types, waits until it is quiet."""

    def __init__(self, qtbot, viewer, dock: FaceLandmarksDock, drag: Callable) -> None:
        self.qtbot, self.viewer, self.dock, self._drag = qtbot, viewer, dock, drag
        viewer.window._qt_window.resize(1366, 768)
        QApplication.processEvents()

    @property
    def work(self):
        return self.dock.workbench

    @property
    def session(self):
        return self.work.session

    def waits(self, until: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(until, timeout=60_000)

    def waits_for_the_job(self) -> None:
        self.waits(lambda: not self.work.busy and not self.work.batch.busy)

    def looks(self, name: str) -> None:
        """Takes a picture, if somebody wants pictures."""
        self.qtbot.wait(150)
        folder = os.environ.get("NAPARI_RED_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.viewer.window._qt_window.grab().save(str(Path(folder) / f"{name}.png"))

    def clicks(self, button) -> None:
        assert button.isEnabled(), f"{button.text()} can't be pressed"
        self.qtbot.mouseClick(button, LEFT)

    def chooses(self, button, words: str) -> None:
        """An entry of a button's menu."""
        button.menu().aboutToShow.emit()
        (found,) = [one for one in button.menu().actions() if words in one.text()]
        found.trigger()

    def clicks_row(self, listed, row: int) -> QPoint:
        assert listed.isVisible()
        place = listed.visualItemRect(listed.topLevelItem(row)).center()
        self.qtbot.mouseClick(listed.viewport(), LEFT, pos=place)
        return place

    def double_clicks(self, listed, row: int) -> None:
        place = self.clicks_row(listed, row)
        self.qtbot.mouseDClick(listed.viewport(), LEFT, pos=place)

    def turns_to(self, frame: int) -> None:
        self.viewer.dims.set_current_step(0, frame)
        self.waits(lambda: self.work.view.frame == frame)

    def presses(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native
        canvas.setFocus()
        combined = Qt.KeyboardModifier.NoModifier
        for one in modifiers:
            combined |= one
        self.qtbot.keyClick(canvas, key, combined)
        self.qtbot.wait(20)

    def drags_point(self, index: int, by: tuple[float, float]) -> None:
        points = self.work.view.points
        before = points.data[index].copy()
        self._drag(self.viewer, before, before + by)
        np.testing.assert_allclose(points.data[index], before + by, atol=0.8)

    def names(self, name: str) -> None:
        assert self.dock.faces.isVisible()
        line = self.dock.faces.person.lineEdit()
        self.qtbot.mouseClick(line, LEFT)
        line.selectAll()
        self.qtbot.keyClicks(line, name)
        self.qtbot.keyClick(line, Qt.Key.Key_Return)


@pytest.fixture
def sit_down(qtbot, open_viewer, open_dock, drag):
    """Opens a window with the dock, and somebody in front of it."""

    def start() -> Person:
        viewer = open_viewer()
        return Person(qtbot, viewer, open_dock(viewer, KnowingAligner()), drag)

    return start


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
    assert person.session.n_faces == 3
    person.waits(lambda: dock.faces.list.topLevelItemCount() == 3)
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
    second.waits(lambda: second.dock.videos.names() == ["one"])
    second.double_clicks(second.dock.videos.list, 0)
    second.waits(lambda: second.session is not None)
    assert not second.dock.videos.start.isEnabled()
    assert not second.dock.review.accept.isEnabled()
    second.looks("10-read-only")
    second.dock.close_workbench()
    first.dock.close_workbench()
