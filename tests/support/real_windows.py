"""Real windows and real mouse events."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import cache

import napari
import numpy as np
import pytest
import torch
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_red._qt.dock import FaceLandmarksDock
from trainer.checkpoint import save_tensors


@pytest.fixture
def open_viewer(qtbot) -> Iterator[Callable[[], napari.Viewer]]:
    """Opens windows, and closes them at the end."""
    opened: list[napari.Viewer] = []

    def make() -> napari.Viewer:
        viewer = napari.Viewer()
        opened.append(viewer)
        return viewer

    yield make
    for viewer in opened:
        viewer.close()
    notification_manager.records.clear()
    qtbot.wait(50)
    _forget_what_came_with_the_first_window()


@cache
def _forget_what_came_with_the_first_window() -> None:
    """napari collects garbage whenever a window goes: not through all that it imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def open_dock(tmp_path) -> Iterator[Callable[..., FaceLandmarksDock]]:
    """Opens the dock through the manifest, with an aligner of the test's."""
    opened: list[FaceLandmarksDock] = []
    model = tmp_path / "made.safetensors"
    save_tensors(model, {"w": torch.ones(1)}, {"network": {}})

    def make(viewer: napari.Viewer, aligner: object) -> FaceLandmarksDock:
        _, dock = viewer.window.add_plugin_dock_widget("napari-red", "Face landmarks")
        dock.workbench._make_aligner = lambda model, device: aligner
        dock.state.model.add_file(str(model))
        opened.append(dock)
        return dock

    yield make
    for dock in opened:
        dock.close_workbench()


@pytest.fixture
def drag(qtbot) -> Callable[[napari.Viewer, tuple, tuple], None]:
    """Drags with the left button from one (y, x) in video pixels to another."""

    def mouse(viewer: napari.Viewer, kind: QEvent.Type, yx: np.ndarray, button, buttons) -> None:
        canvas = viewer.window._qt_viewer.canvas.native
        size = np.array([canvas.height(), canvas.width()])
        y, x = (
            np.asarray(yx) - viewer.scene.camera.center[-2:]
        ) * viewer.scene.camera.zoom + size / 2
        place = QPointF(x, y)
        event = QMouseEvent(
            kind,
            place,
            QPointF(canvas.mapToGlobal(place.toPoint())),
            button,
            buttons,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(canvas, event)
        QApplication.processEvents()

    def run(viewer, start, end, *, between=lambda: None) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        start, end = np.array(start, float), np.array(end, float)
        mouse(viewer, QEvent.Type.MouseMove, start, none, none)
        mouse(viewer, QEvent.Type.MouseButtonPress, start, left, left)
        for part in (0.3, 0.6, 1.0):
            mouse(viewer, QEvent.Type.MouseMove, start + part * (end - start), none, left)
        between()
        mouse(viewer, QEvent.Type.MouseButtonRelease, end, left, none)

    return run
