"""What a re-track would change, drawn in a real window until it is kept or dropped."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_red.core import track_edits
from napari_red.core.points import segment_indices
from trainer.scheme import IBUG68

pytestmark = pytest.mark.window

NAME = "Re-track, not kept yet"


@pytest.fixture
def dock(qtbot, annotated_dock, make_aligner):
    """The dock on frame 6, with a re-track forward that would move the face by 4 pixels."""
    aligner = make_aligner()
    dock = annotated_dock(aligner, frame=5)
    aligner.offset = 4.0
    dock.review.forward.click()
    qtbot.waitUntil(lambda: dock.retrack_control.proposal is not None, timeout=60_000)
    return dock


def turn(qtbot, dock, frame: int) -> None:
    dock.workbench.viewer.dims.set_current_step(0, frame)
    qtbot.waitUntil(lambda: dock.workbench.view.frame == frame)
    qtbot.wait(50)


def drawn(dock) -> np.ndarray:
    """(H, W): whether the canvas has the proposal's colour."""
    viewer = dock.workbench.viewer
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    folder = os.environ.get("NAPARI_RED_SCREENSHOTS")
    if folder:
        viewer.window._qt_window.grab().save(str(Path(folder) / "proposal.png"))
    red, green, blue = np.moveaxis(picture, -1, 0)
    return (red > 180) & (blue > 180) & (green < 120)


def test_the_proposal_is_drawn_beside_the_landmarks_of_the_shown_frame(qtbot, dock, made_truth):
    view = dock.workbench.view
    frames = {one.frame: one for one in dock.retrack_control.proposal.frames}
    turn(qtbot, dock, 12)
    assert drawn(dock).sum() > 20
    layer = view.viewer.layers[NAME]
    segments = segment_indices(IBUG68)
    proposed = frames[12].prediction.landmarks
    middle = layer.data[:, 0] + layer.data[:, 1] / 2
    ends = proposed[segments][..., ::-1]
    np.testing.assert_allclose(middle, ends.mean(axis=1), atol=0.01)
    np.testing.assert_allclose(view.points.data[:, ::-1], made_truth(12), atol=0.1)
    assert np.abs(proposed - made_truth(12)).mean() > 0.5

    turn(qtbot, dock, 15)
    middle = layer.data[:, 0] + layer.data[:, 1] / 2
    ends = frames[15].prediction.landmarks[segments][..., ::-1]
    np.testing.assert_allclose(middle, ends.mean(axis=1), atol=0.01)


def test_frames_it_would_not_change_have_none(qtbot, dock):
    turn(qtbot, dock, 12)
    turn(qtbot, dock, 2)
    assert not drawn(dock).any()
    turn(qtbot, dock, 12)
    assert drawn(dock).any()


@pytest.mark.parametrize("answer", ["keep", "drop"])
def test_it_is_gone_when_it_is_kept_or_dropped(qtbot, dock, answer):
    turn(qtbot, dock, 12)
    getattr(dock.review, answer).click()
    qtbot.wait(50)
    assert not drawn(dock).any()
    turn(qtbot, dock, 13)
    assert not drawn(dock).any()


def test_landmarks_can_be_dragged_while_it_is_there(qtbot, dock, drag):
    view = dock.workbench.view
    turn(qtbot, dock, 12)
    assert view.viewer.layers.selection.active is view.points
    start = view.points.data[8].copy()
    drag(view.viewer, start, start + (6, 0))
    assert dock.workbench.session.corrected_frames() == [(12, 0)]


def test_a_layer_that_was_taken_away_comes_again(qtbot, dock):
    turn(qtbot, dock, 12)
    layers = dock.workbench.viewer.layers
    layers.remove(layers[NAME])
    turn(qtbot, dock, 13)
    assert NAME in layers
    assert drawn(dock).any()


@pytest.mark.parametrize("change", ["delete", "swap", "split"])
def test_it_is_dropped_where_its_face_becomes_another_one(
    qtbot, annotated_dock, make_aligner, change
):
    aligner = make_aligner()
    dock = annotated_dock(aligner, faces=2, frame=5)
    session, control = dock.workbench.session, dock.retrack_control
    aligner.offset = 4.0
    dock.review.forward.click()
    qtbot.waitUntil(lambda: control.proposal is not None, timeout=60_000)
    turn(qtbot, dock, 12)
    assert drawn(dock).any()
    if change == "delete":
        track_edits.delete_track(session, 0)
    elif change == "swap":
        track_edits.swap_tracks(session, 0, 1, 0)
    else:
        track_edits.split_track(session, 0, 10)
    qtbot.waitUntil(lambda: control.proposal is None)
    assert not dock.review.choice.isVisible()
    assert "re-track again" in dock.state.job.message.text()
    assert not drawn(dock).any()


def test_the_face_is_called_by_the_number_it_has_now(qtbot, annotated_dock, make_aligner):
    aligner = make_aligner()
    dock = annotated_dock(aligner, faces=2, frame=5)
    dock.workbench.choose_face(1)
    aligner.offset = 4.0
    dock.review.forward.click()
    qtbot.waitUntil(lambda: dock.retrack_control.proposal is not None, timeout=60_000)
    assert "Face 2 anew" in dock.review.proposal.text()
    track_edits.delete_track(dock.workbench.session, 0)
    qtbot.waitUntil(lambda: "Face 1 anew" in dock.review.proposal.text())
    dock.review.keep.click()
    assert "re-track" in dock.workbench.session.project.run_models(1)[2]
