"""Correcting and reviewing on the canvas of a real window, with real mouse and keys."""

from __future__ import annotations

import numpy as np
import pytest
from hands import ALT, SHIFT, Hands
from napari.utils.notifications import notification_manager

from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red.core.frames import VideoStack
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.scheme import IBUG68

pytestmark = pytest.mark.window

JAW, BROWS, MOUTH = (list(IBUG68.groups[name]) for name in ("jaw", "brows", "mouth"))


class Bench:
    """A viewer on frame 6 with two faces, and hands."""

    def __init__(self, viewer, session: Session, view: LandmarkView) -> None:
        self.viewer, self.session, self.view = viewer, session, view
        self.hands = Hands(viewer)

    @property
    def points(self):
        return self.view.points

    def at(self, index: int) -> np.ndarray:
        """Where a point is on the canvas."""
        return self.points.data[index].copy()

    def saved(self, frame: int = 5, face: int = 0) -> np.ndarray:
        """(68, 2) yx, as in the project."""
        return self.session.view(frame).landmarks[face, :, ::-1]

    @property
    def steps(self) -> int:
        return self.session.can_undo()[0]

    def said(self) -> str:
        return notification_manager.records[-1].message


@pytest.fixture
def bench(qtbot, open_viewer, make_aligner, video_path):
    viewer = open_viewer()
    layer = VideoLayer(VideoStack.open(video_path))
    viewer.add_layer(layer)
    session = Session(layer.data.video)
    prealign(session, make_aligner(), Settings("made", faces=2))
    view = LandmarkView(viewer)
    view.show(layer, session)
    viewer.dims.set_current_step(0, 5)
    qtbot.waitUntil(lambda: view.frame == 5)
    qtbot.wait(50)
    yield Bench(viewer, session, view)
    view.close()
    session.close()
    layer.close()


def test_a_dragged_point_is_saved_when_it_is_let_go(bench):
    start = bench.at(8)
    steps = []
    bench.hands.drag(start, start + (10, -4), between=lambda: steps.append(bench.steps))
    assert steps == [0]
    np.testing.assert_allclose(bench.saved()[8], start + (10, -4), atol=0.6)
    assert bench.steps == 1


def test_a_double_click_selects_the_facial_part_and_a_drag_moves_it(bench):
    bench.hands.double_click(bench.at(8))
    assert sorted(bench.points.selected_data) == JAW
    before = bench.saved()
    bench.hands.drag(bench.at(8), bench.at(8) + (6, 3))
    moved = bench.saved() - before
    np.testing.assert_allclose(moved[JAW], np.tile((6, 3), (17, 1)), atol=0.6)
    assert not np.delete(moved, JAW, axis=0).any()
    assert bench.steps == 1
    bench.hands.press("Ctrl+Z")
    np.testing.assert_array_equal(bench.saved(), before)


def test_a_double_click_with_shift_adds_a_part(bench):
    bench.hands.double_click(bench.at(8))
    bench.hands.double_click(bench.at(17), SHIFT)
    assert sorted(bench.points.selected_data) == JAW + BROWS


def test_with_the_group_tool_a_click_takes_the_part(bench):
    bench.hands.press("Shift+W")
    assert bench.view.tool == "group"
    bench.hands.click(bench.at(48))
    assert sorted(bench.points.selected_data) == MOUTH
    bench.hands.press("Shift+W")
    assert bench.view.tool == "point"
    bench.hands.click(bench.at(30))
    assert sorted(bench.points.selected_data) == [30]


def test_alt_and_drag_moves_a_whole_face(bench):
    start = bench.at(68 + 30)
    place = start + (3, 6)
    before = bench.saved(face=1)
    bench.hands.drag(place, place + (5, -7), ALT)
    np.testing.assert_allclose(bench.saved(face=1) - before, np.tile((5, -7), (68, 1)), atol=0.6)
    assert bench.view.face == 1
    assert bench.steps == 1


def test_the_face_tool_moves_turns_and_scales_as_one_step_each(bench):
    bench.hands.press("W")
    frame = bench.points.face_frame(0)
    before = bench.saved()

    bench.hands.drag(frame.centre, frame.centre + (4, 6))
    np.testing.assert_allclose(bench.saved() - before, np.tile((4, 6), (68, 1)), atol=0.6)
    bench.hands.press("Ctrl+Z")

    frame = bench.points.face_frame(0)
    reach = frame.centre[0] - frame.knob[0]
    live = []
    bench.hands.drag(
        frame.knob,
        frame.centre + (0, reach),
        between=lambda: live.append(bench.points.data[:68].copy()),
    )
    centred, turned = before - frame.centre, bench.saved() - frame.centre
    np.testing.assert_allclose(turned, np.column_stack([centred[:, 1], -centred[:, 0]]), atol=1.5)
    np.testing.assert_allclose(live[0], bench.saved(), atol=0.5)
    assert bench.steps == 1
    bench.hands.press("Ctrl+Z")

    frame = bench.points.face_frame(0)
    fixed, corner = frame.corners[0], frame.corners[2]
    bench.hands.drag(corner, corner + 0.25 * (corner - fixed))
    np.testing.assert_allclose(bench.saved() - fixed, 1.25 * (before - fixed), atol=1.0)
    assert bench.steps == 1


def test_with_the_face_tool_the_frame_of_the_chosen_face_is_drawn(bench):
    assert bench.points._highlight_box is None
    bench.hands.press("W")
    low, high = bench.points._highlight_box.min(axis=0), bench.points._highlight_box.max(axis=0)
    assert (low < bench.points.data[:68].min(axis=0)).all()
    assert (high > bench.points.data[:68].max(axis=0)).all()
    bench.hands.press("Q")
    assert bench.view.face == 1
    assert bench.points._highlight_box[:, 1].max() > high[1] + 30
    bench.hands.press("W")
    assert bench.points._highlight_box is None


def test_alt_and_arrows_nudge_by_a_pixel_and_with_shift_by_a_tenth(bench):
    bench.hands.click(bench.at(30))
    before = bench.saved()[30]
    bench.hands.press("Alt+Up", "Alt+Right", "Alt+Right")
    np.testing.assert_allclose(bench.saved()[30] - before, (-1, 2), atol=1e-4)
    bench.hands.press("Shift+Alt+Down", "Shift+Alt+Left")
    np.testing.assert_allclose(bench.saved()[30] - before, (-0.9, 1.9), atol=1e-4)


def test_delete_says_not_visible_and_h_shows_again(bench):
    place = bench.at(30)
    bench.hands.click(place)
    bench.hands.press("Delete")
    assert np.flatnonzero(bench.session.view(5).hidden[0]).tolist() == [30]
    bench.hands.click(place)
    assert bench.points.selected_data == {30}
    bench.hands.press("H")
    assert not bench.session.view(5).hidden.any()
    bench.hands.press("H")
    bench.hands.press("Shift+H")
    assert not bench.session.view(5).hidden.any()


def test_a_point_that_is_not_visible_can_be_dragged_back(bench):
    place = bench.at(8)
    bench.hands.click(place)
    bench.hands.press("Delete")
    bench.hands.drag(place, place + (5, 5))
    assert not bench.session.view(5).hidden.any()
    np.testing.assert_allclose(bench.saved()[8], place + (5, 5), atol=0.6)


def test_not_visible_points_stay_so_when_their_face_is_moved(bench):
    bench.hands.click(bench.at(8))
    bench.hands.press("Delete")
    place = bench.at(30) + (3, 6)
    bench.hands.drag(place, place + (5, 5), ALT)
    assert np.flatnonzero(bench.session.view(5).hidden[0]).tolist() == [8]


def test_nothing_adds_loses_or_reorders_landmarks(bench):
    before = bench.points.data.copy()
    bench.hands.press("Ctrl+A", "Ctrl+C", "Ctrl+V", "2")
    bench.hands.click((20, 20))
    bench.hands.press("3", "Ctrl+X")
    np.testing.assert_array_equal(bench.points.data, before)
    bench.hands.press("5")
    assert bench.points.mode == "select"
    with pytest.raises(ValueError, match="never added or removed"):
        bench.points.data = before[:-1]
    with pytest.raises(ValueError, match="finite"):
        bench.points.data = np.full_like(before, np.nan)
    bench.hands.press("Ctrl+A", "Delete")
    assert bench.session.view(5).hidden.all()
    np.testing.assert_array_equal(bench.points.data, before)
    assert bench.steps == 1


def test_copy_reset_and_interpolate(bench, qtbot):
    start = bench.at(8)
    bench.hands.drag(start, start + (10, 0))
    bench.hands.press("Right")
    qtbot.waitUntil(lambda: bench.view.frame == 6)
    bench.hands.press("K")
    np.testing.assert_array_equal(bench.saved(6), bench.saved(5))
    bench.hands.press("Shift+R")
    assert not bench.session.view(6).corrected.any()

    bench.viewer.dims.set_current_step(0, 9)
    qtbot.waitUntil(lambda: bench.view.frame == 9)
    bench.hands.drag(bench.at(8), bench.at(8) + (2, 0))
    bench.viewer.dims.set_current_step(0, 7)
    qtbot.waitUntil(lambda: bench.view.frame == 7)
    bench.hands.press("J")
    np.testing.assert_allclose(
        bench.saved(7)[8], (bench.saved(5)[8] + bench.saved(9)[8]) / 2, atol=0.05
    )
    np.testing.assert_allclose(bench.points.data[8], bench.saved(7)[8], atol=1e-4)


def test_reset_of_the_selection_leaves_the_rest_corrected(bench):
    for index in (8, 30):
        bench.hands.drag(bench.at(index), bench.at(index) + (4, 4))
    bench.hands.press("Shift+R")
    assert np.flatnonzero(bench.session.view(5).corrected[0]).tolist() == [8]


def test_accept_up_to_here_and_back(bench, qtbot):
    accepted = []
    bench.view.actions.accepted.connect(accepted.append)
    bench.hands.press("G")
    assert bench.session.view(5).accepted.all()
    assert not bench.session.view(4).accepted.any()
    bench.hands.press("U")
    assert not bench.session.view(5).accepted.any()
    bench.hands.press("Shift+G")
    assert all(bench.session.view(frame).accepted.all() for frame in range(6))
    assert not bench.session.view(6).accepted.any()
    bench.hands.press("Ctrl+Z")
    assert not bench.session.view(0).accepted.any()
    assert accepted == [5, 5]


def test_undo_and_redo_turn_to_the_frame(bench, qtbot):
    start = bench.at(8)
    bench.hands.drag(start, start + (10, 0))
    bench.viewer.dims.set_current_step(0, 15)
    qtbot.waitUntil(lambda: bench.view.frame == 15)
    bench.hands.press("Ctrl+Z")
    qtbot.waitUntil(lambda: bench.view.frame == 5)
    assert not bench.session.view(5).corrected.any()
    bench.hands.press("Ctrl+Shift+Z")
    assert bench.session.view(5).corrected.sum() == 1


def test_shift_and_arrows_turn_to_corrected_frames(bench, qtbot):
    bench.session.move(2, 1, {3: (50.0, 50.0)})
    bench.session.move(17, 0, {3: (50.0, 50.0)})
    bench.hands.press("Shift+Right")
    qtbot.waitUntil(lambda: bench.view.frame == 17)
    bench.hands.press("Shift+Left")
    qtbot.waitUntil(lambda: bench.view.frame == 2)
    bench.hands.press("Shift+Left")
    assert "No frame before" in bench.said()


def test_keys_ask_for_what_others_do(bench):
    asked = {
        "N": ("next_wanted",),
        "Shift+N": ("previous_wanted",),
        "Shift+T": ("retrack_wanted", "both"),
        "Shift+F": ("retrack_wanted", "forward"),
        "Shift+B": ("retrack_wanted", "backward"),
        "F2": ("name_wanted", 1),
        "Shift+X": ("swap_wanted", 1),
        "Shift+S": ("split_wanted", 1),
    }
    heard = []
    for name in {name for name, *_ in asked.values()}:
        signal = getattr(bench.view.actions, name)
        signal.connect(lambda *got, name=name: heard.append((name, *got)))
    bench.hands.press("Q", *asked)
    assert heard == list(asked.values())


def test_keys_of_the_view(bench):
    options = bench.view.options
    bench.hands.press("Shift+C", "Shift+I", "Shift+K", "Shift+M", ".", "Shift+O", "PageUp")
    look = options.look
    assert (look.contours, look.group, look.colour_by) == (False, "jaw", "confidence")
    assert (look.labels, look.not_visible) == ("numbers", False)
    assert look.size > 1
    assert options.brightness == 10
    assert not bench.view.contours.visible
    bench.hands.press("Home", ",", "Shift+Z")
    assert options.brightness == 0
    assert options.look.size == 1
    assert options.follow


def test_help_lists_every_key(bench):
    bench.hands.press("F1")
    page = bench.view._help.page.toPlainText()
    assert bench.view._help.isVisible()
    assert "Accept all frames up to this one" in page


def test_a_read_only_project_is_frozen_and_says_why(bench, monkeypatch):
    monkeypatch.setattr(
        type(bench.session), "read_only", property(lambda _: "another window has it open")
    )
    bench.view._freeze()
    before = bench.points.data.copy()
    bench.hands.drag(bench.at(8), bench.at(8) + (10, 0))
    assert "another window has it open" in bench.said()
    bench.hands.click(bench.at(8))
    bench.hands.press("Delete", "Alt+Up", "K", "G", "Shift+T", "Ctrl+Z")
    bench.hands.drag(bench.at(30) + (3, 6), bench.at(30) + (9, 9), ALT)
    np.testing.assert_array_equal(bench.points.data, before)
    assert bench.steps == 0


def test_edits_follow_the_frame_that_comes_in_the_middle_of_a_drag(bench, qtbot):
    place = bench.at(30) + (3, 6)
    later = bench.saved(6)

    def turn():
        bench.viewer.dims.set_current_step(0, 6)
        qtbot.waitUntil(lambda: bench.view.frame == 6)

    bench.hands.drag(place, place + (5, 5), ALT, between=turn)
    assert bench.session.corrected_frames() == [(5, 0)]
    np.testing.assert_array_equal(bench.saved(6), later)
    np.testing.assert_array_equal(bench.points.data[:68], later)
