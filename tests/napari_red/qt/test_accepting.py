"""Accepting a frame on the way to another one."""

import numpy as np
import pytest
from hands import Hands
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_red.core.track_edits import name_identity

pytestmark = pytest.mark.window

LEFT = Qt.MouseButton.LeftButton
PLAIN, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def dock(qtbot, annotated_dock, make_aligner):
    """The dock with a video that has landmarks, on frame 6."""
    dock = annotated_dock(make_aligner(), frame=5)
    qtbot.waitUntil(lambda: dock.strip.overview is not None)
    qtbot.waitUntil(lambda: len(dock.review_control.queue) > 1)
    return dock


def accepted(dock) -> list[int]:
    session = dock.workbench.session
    return [n for n in range(session.n_frames) if session.view(n).accepted.all()]


def place_of(strip, frame: int) -> QPoint:
    columns = (
        x for x in range(strip.width()) if strip.overview.frame_of(strip.column_at(x)) == frame
    )
    return QPoint(next(columns), strip.height() // 2)


def click(dock, frame: int, held=PLAIN) -> None:
    QTest.mouseClick(dock.strip, LEFT, held, place_of(dock.strip, frame))
    QApplication.processEvents()


def test_a_click_on_the_strip_goes_there_and_accepts_nothing(qtbot, dock):
    click(dock, 12)
    qtbot.waitUntil(lambda: dock.workbench.view.frame == 12)
    assert accepted(dock) == []


def test_ctrl_and_click_accepts_the_shown_frame_with_what_was_dragged(qtbot, dock):
    view = dock.workbench.view
    view.points._data[8] += (6, 0)
    moved = view.points.data[8].copy()
    click(dock, 12, CTRL)
    qtbot.waitUntil(lambda: view.frame == 12)
    assert accepted(dock) == [5]
    np.testing.assert_allclose(view.session.view(5).landmarks[0, 8, ::-1], moved)
    assert "Ctrl+click" in dock.strip._tip(0)
    view.actions.undo()
    assert view.frame == 5
    assert accepted(dock) == []


def test_where_nothing_can_be_accepted_ctrl_and_click_stays_and_says_why(qtbot, dock, monkeypatch):
    view = dock.workbench.view
    monkeypatch.setattr(view, "why_frozen", lambda: "Nothing can be changed here: made so.")
    click(dock, 12, CTRL)
    qtbot.wait(100)
    assert view.frame == 5
    assert accepted(dock) == []
    assert "made so" in notification_manager.records[-1].message


@pytest.mark.parametrize("focus", ["canvas", "queue"])
def test_a_key_accepts_the_frame_and_goes_to_the_next_of_the_queue(qtbot, dock, focus):
    view, control = dock.workbench.view, dock.review_control
    first, second = control.queue[:2]
    control.visit(first)
    qtbot.waitUntil(lambda: view.frame == first.frame)
    if focus == "queue":
        dock.review.list.setFocus()
        QTest.keyClick(dock.review.list, Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
    else:
        Hands(dock.workbench.viewer).press("Shift+D")
    qtbot.waitUntil(lambda: view.frame == second.frame)
    assert accepted(dock) == [first.frame]


def test_the_keys_of_the_queue_say_where_it_ends(qtbot, dock):
    view, control = dock.workbench.view, dock.review_control
    view.actions.previous_wanted.emit()
    assert "No frame of the queue was visited before" in dock.workbench.viewer.status
    control.visit(control.queue[-1])
    qtbot.waitUntil(lambda: view.frame == control.queue[-1].frame)
    view.actions.next_wanted.emit()
    assert "last frame of the queue" in dock.workbench.viewer.status
    control.queue.clear()
    view.actions.next_wanted.emit()
    assert "Nothing is left in the queue" in dock.workbench.viewer.status


@pytest.mark.parametrize("name", ["review", "videos", "faces"])
def test_keys_work_while_a_list_has_the_focus(qtbot, dock, name):
    shown = getattr(dock, name).list
    shown.setFocus()
    QTest.keyClick(shown, Qt.Key.Key_G)
    assert accepted(dock) == [5]
    QTest.keyClick(shown, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: dock.workbench.view.frame == 6)
    QTest.keyClick(shown, Qt.Key.Key_Down)  # goes along the list
    assert shown.currentIndex().isValid()


def test_the_key_stays_where_the_frame_cannot_be_accepted(qtbot, dock, monkeypatch):
    view = dock.workbench.view
    monkeypatch.setattr(view, "why_frozen", lambda: "Nothing can be changed here: made so.")
    Hands(dock.workbench.viewer).press("Shift+D")
    qtbot.wait(100)
    assert view.frame == 5
    assert accepted(dock) == []


def test_undo_of_many_frames_stays_on_the_shown_one(qtbot, dock):
    view = dock.workbench.view
    view.actions.accept_up_to()
    assert accepted(dock) == list(range(6))
    dock.workbench.viewer.dims.set_current_step(0, 3)
    qtbot.waitUntil(lambda: view.frame == 3)
    view.actions.undo()
    assert (view.frame, accepted(dock)) == (3, [])
    view.actions.redo()
    assert (view.frame, accepted(dock)) == (3, list(range(6)))
    dock.workbench.viewer.dims.set_current_step(0, 20)
    qtbot.waitUntil(lambda: view.frame == 20)
    view.actions.undo()
    qtbot.waitUntil(lambda: view.frame == 5)  # where it was pressed


def test_undo_of_an_edit_of_a_whole_face_stays_on_the_shown_frame(qtbot, dock):
    view = dock.workbench.view
    name_identity(view.session, 0, "Ada")
    view.actions.undo()
    qtbot.wait(50)
    assert view.frame == 5
