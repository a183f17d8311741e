"""Splitting, merging and swapping faces beside a window that goes on."""

import threading

import numpy as np
import pytest
from hands import Hands

from napari_red.core import track_edits

pytestmark = pytest.mark.window


@pytest.fixture
def dock(annotated_dock, make_aligner):
    """The dock with a video of two faces, on frame 11."""
    return annotated_dock(make_aligner(), faces=2, frame=10)


@pytest.fixture
def gate(monkeypatch):
    """Until it is set, swapping isn't done."""
    gate, swap = threading.Event(), track_edits.swap_tracks

    def slow(session, *args):
        with session.lock:
            gate.wait(30)
            return swap(session, *args)

    monkeypatch.setattr(track_edits, "swap_tracks", slow)
    yield gate
    gate.set()


def turn(qtbot, dock, frame: int) -> None:
    dock.workbench.viewer.dims.set_current_step(0, frame)
    qtbot.waitUntil(lambda: dock.workbench.view.frame == frame)


def finish(qtbot, dock) -> None:
    qtbot.waitUntil(lambda: not dock.workbench.jobs.edit.busy, timeout=30_000)


def test_a_split_face_is_chosen_and_one_undo_takes_it_back(qtbot, dock):
    Hands(dock.workbench.viewer).press("Shift+S")
    finish(qtbot, dock)
    assert dock.workbench.session.n_faces == 3
    assert dock.workbench.face == 2
    assert dock.state.job.message.text() == "From frame 11 on it is face 3."
    assert dock.workbench.view.points.shown[136:].all()
    Hands(dock.workbench.viewer).press("Ctrl+Z")
    assert dock.workbench.session.n_faces == 2


def test_faces_are_merged(qtbot, dock):
    dock.faces.merge.emit(1)
    finish(qtbot, dock)
    assert dock.workbench.session.n_faces == 1
    assert dock.state.job.message.text() == "Merged."


def test_faces_are_swapped_and_drawn_so(qtbot, dock, made_truth):
    dock.faces.swap.emit(1)
    finish(qtbot, dock)
    found = dock.workbench.view.points.data[:68, ::-1]
    np.testing.assert_allclose(found, made_truth(10, 1), atol=0.1)


def test_meanwhile_the_window_goes_on_but_nothing_can_be_edited(
    qtbot, dock, gate, drag, made_truth
):
    view, session = dock.workbench.view, dock.workbench.session
    dock.faces.swap.emit(1)
    assert dock.state.job.cancel.isVisible()
    turn(qtbot, dock, 14)  # though the session is locked
    assert not view.points.shown.any()
    assert "being changed" in dock.state.frame.text()
    place = made_truth(14)[8, ::-1]
    drag(view.viewer, place, place + (8, 0))
    view.actions.accept()
    dock.faces.split.emit()
    assert "being changed" in dock.state.job.message.text()
    gate.set()
    finish(qtbot, dock)
    assert session.n_faces == 2
    assert not session.corrected_frames()
    assert not session.view(14).accepted.any()
    found = view.points.data[:68, ::-1]
    np.testing.assert_allclose(found, made_truth(14, 1), atol=0.1)
    assert view.points.shown.all()
    assert not view.points.frozen
    assert "being changed" not in dock.state.frame.text()


def test_what_is_left_is_counted_while_faces_are_being_changed(qtbot, dock, gate):
    session, counts = dock.workbench.session, dock.review.counts
    dock.faces.swap.emit(1)

    def locked() -> bool:
        free = session.lock.acquire(blocking=False)
        if free:
            session.lock.release()
        return not free

    qtbot.waitUntil(locked)
    counts.setText("")
    dock.review_control.ask_overview()
    qtbot.waitUntil(lambda: "24 left" in counts.text())
    assert locked(), "the window waited for the swap"
    gate.set()
    finish(qtbot, dock)


def test_a_swap_that_was_cancelled_changes_nothing(qtbot, dock, gate, made_truth):
    dock.faces.swap.emit(1)
    dock.state.job.cancel.click()
    gate.set()
    finish(qtbot, dock)
    found = dock.workbench.view.points.data[:68, ::-1]
    np.testing.assert_allclose(found, made_truth(10), atol=0.1)
    assert dock.workbench.session.can_undo()[0] == 0


def test_a_face_that_cannot_be_merged_says_why_and_editing_goes_on(qtbot, dock):
    dock.faces.merge.emit(0)
    finish(qtbot, dock)
    assert "merged with itself" in dock.state.job.message.text()
    assert not dock.workbench.view.points.frozen


def test_the_video_stays_open_while_its_faces_are_changed(qtbot, dock, gate):
    dock.faces.swap.emit(1)
    assert dock.workbench.jobs.hold_video()
    assert dock.workbench.jobs.hold_project()
    gate.set()
    finish(qtbot, dock)
    assert not dock.workbench.jobs.hold_video()


def test_nothing_is_split_on_a_frame_that_is_still_loading(dock):
    dock.workbench.video.screen.preview = 3
    dock.faces.split.emit()
    assert not dock.workbench.jobs.edit.busy
    assert "still being decoded" in dock.state.job.message.text()
    dock.workbench.video.screen.preview = None
