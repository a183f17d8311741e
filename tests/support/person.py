"""Somebody in front of a real window, with real mouse and key events.

With NAPARI_RED_SCREENSHOTS=FOLDER what the person looks at is left there as pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from knowing_aligner import KnowingAligner
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_red._qt.dock import FaceLandmarksDock

LEFT = Qt.MouseButton.LeftButton

PATIENCE_MS = 300_000
"""Training has the lowest priority: on a busy machine it may stand still for a minute."""


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
        self.qtbot.waitUntil(until, timeout=PATIENCE_MS)

    def waits_for_the_job(self) -> None:
        self.waits(lambda: not any(job.busy for job in self.work.jobs.all))

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

    def opens(self, title: str) -> None:
        """A panel, by its title, unless it is open."""
        section = self.dock.sections.section(title)
        if not section.is_open:
            self.clicks(section.button)
        assert section.panel.isVisible()

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
