"""A mouse and a keyboard on the canvas of a viewer: real Qt events."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QKeySequence, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


class Hands:
    """What a person does to the canvas; places are (y, x) in video pixels."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.viewer = viewer

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas.native

    def press(self, *keys: str) -> None:
        """Press keys, each as in ``Ctrl+Shift+Z``."""
        for key in keys:
            combination = QKeySequence(key.replace("Page", "Pg"))[0]
            QTest.keyClick(self.canvas, combination.key(), combination.keyboardModifiers())
            QApplication.processEvents()

    def click(self, yx, modifiers=PLAIN) -> None:
        self._mouse(QEvent.Type.MouseMove, yx, NONE, NONE, modifiers)
        self._mouse(QEvent.Type.MouseButtonPress, yx, LEFT, LEFT, modifiers)
        self._mouse(QEvent.Type.MouseButtonRelease, yx, LEFT, NONE, modifiers)

    def double_click(self, yx, modifiers=PLAIN) -> None:
        self.click(yx, modifiers)
        self._mouse(QEvent.Type.MouseButtonDblClick, yx, LEFT, LEFT, modifiers)
        self._mouse(QEvent.Type.MouseButtonRelease, yx, LEFT, NONE, modifiers)

    def drag(
        self,
        start: Iterable[float],
        end: Iterable[float],
        modifiers=PLAIN,
        between: Callable[[], object] = lambda: None,
    ) -> None:
        start, end = np.array(start, float), np.array(end, float)
        self._mouse(QEvent.Type.MouseMove, start, NONE, NONE, modifiers)
        self._mouse(QEvent.Type.MouseButtonPress, start, LEFT, LEFT, modifiers)
        for part in (0.3, 0.6, 1.0):
            self._mouse(QEvent.Type.MouseMove, start + part * (end - start), NONE, LEFT, modifiers)
        between()
        self._mouse(QEvent.Type.MouseButtonRelease, end, LEFT, NONE, modifiers)

    def _mouse(self, kind, yx, button, buttons, modifiers) -> None:
        canvas, camera = self.canvas, self.viewer.scene.camera
        size = np.array([canvas.height(), canvas.width()])
        y, x = (np.asarray(yx, float) - camera.center[-2:]) * camera.zoom + size / 2
        place = QPointF(x, y)
        event = QMouseEvent(
            kind, place, QPointF(canvas.mapToGlobal(place.toPoint())), button, buttons, modifiers
        )
        QApplication.sendEvent(canvas, event)
        QApplication.processEvents()
