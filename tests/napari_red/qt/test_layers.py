"""The layers by themselves, and the view on a viewer without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_red._qt.contours_layer import ContoursLayer
from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red.core import track_edits
from napari_red.core.appearance import Look, appearance
from napari_red.core.frame_view import FrameView
from napari_red.core.frames import VideoStack
from napari_red.core.palette import landmark_colours
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.scheme import IBUG68


@pytest.fixture
def layer(made_truth):
    layer = LandmarksLayer(2, 68)
    layer.fill(frame_view(np.stack([made_truth(0), made_truth(0, 1)])))
    return layer


def frame_view(landmarks: np.ndarray, **changes) -> FrameView:
    shape = landmarks.shape[:2]
    values = {
        "confidence": np.ones(shape, np.float32),
        "corrected": np.zeros(shape, bool),
        "hidden": np.zeros(shape, bool),
        "accepted": np.zeros(shape[0], bool),
        "run": np.ones(shape[0], np.int32),
    }
    return FrameView(0, landmarks, **(values | changes))


def test_points_cannot_be_added_removed_or_pasted(layer):
    before = layer.data.copy()
    hidden = []
    layer.on_hide = hidden.append
    layer.add([5, 5])
    layer.selected_data = {3, 70}
    layer._copy_data()
    layer._paste_data()
    layer.remove_selected()
    layer.pop()
    assert hidden == [[3, 70], [135]]
    np.testing.assert_array_equal(layer.data, before)
    assert len(layer.face_color) == len(layer.shown) == len(layer.features) == 136


def test_another_number_of_points_is_refused(layer):
    with pytest.raises(ValueError, match="never added or removed"):
        layer.data = np.zeros((135, 2))


def test_filling_tells_nobody_that_points_moved(layer, made_truth):
    moved = []
    layer.on_moved = lambda: moved.append(1)
    layer.fill(frame_view(np.stack([made_truth(3), made_truth(3, 1)])))
    assert not moved
    layer.data = layer.data + 1
    assert moved


def test_what_is_given_is_not_shared(layer):
    mine = layer.data.copy()
    layer.data = mine
    mine[:] = 0
    assert layer.data.any()


def test_points_that_are_not_visible_are_rings_that_can_be_taken(layer, made_truth):
    hidden = np.zeros((2, 68), bool)
    hidden[0, 5] = True
    layer.fill(frame_view(np.stack([made_truth(0), made_truth(0, 1)]), hidden=hidden))
    assert layer.shown.all()
    assert layer.face_color[5, 3] == 0
    assert layer.border_color[5, 3] > 0.5
    assert layer.get_value(layer.data[5]) == 5


def test_unlabelled_points_are_not_shown_and_rings_only_if_wished(layer, made_truth):
    landmarks = np.stack([made_truth(0), np.full((68, 2), np.nan)])
    hidden = np.zeros((2, 68), bool)
    hidden[0, 5] = True
    view = frame_view(landmarks, hidden=hidden)
    layer.fill(view)
    assert layer.shown.sum() == 68
    layer.fill(view, appearance(view, Look(not_visible=False), {}))
    assert layer.shown.sum() == 67
    assert not layer.shown[5]
    assert 5 not in layer._view_indices
    assert len(layer._view_data) == len(layer._view_size) == 67
    assert np.isfinite(layer.data).all()


def test_points_have_the_colour_of_their_part_and_are_faint_where_unsure(layer, made_truth):
    confidence = np.ones((2, 68), np.float32)
    confidence[0, :10] = 0
    layer.fill(frame_view(np.stack([made_truth(0), made_truth(0, 1)]), confidence=confidence))
    colours = landmark_colours(IBUG68)
    np.testing.assert_allclose(layer.face_color[68:, :3], colours, atol=1e-6)
    assert (layer.face_color[:10, 3] < 0.3).all()
    assert (layer.face_color[10:, 3] == 1).all()


def test_corrected_points_look_different(layer, made_truth):
    corrected = np.zeros((2, 68), bool)
    corrected[1, 30] = True
    layer.fill(frame_view(np.stack([made_truth(0), made_truth(0, 1)]), corrected=corrected))
    assert layer.symbol[98] != layer.symbol[97]
    assert layer.border_color[98].tolist() == [1, 1, 1, 1]
    assert layer.size[98] > layer.size[97]


def test_contours_are_as_visible_as_their_ends(made_truth):
    layer = ContoursLayer(1, 68)
    hidden = np.zeros((1, 68), bool)
    hidden[0, 8] = True
    view = frame_view(made_truth(0)[None], hidden=hidden)
    layer.fill(made_truth(0)[:, ::-1], view)
    assert len(layer.data) == 63
    assert np.flatnonzero(layer.edge_color[:, 3] == 0).tolist() == [7, 8]


@pytest.fixture
def opened(video_path, make_aligner):
    viewer = ViewerModel()
    layer = VideoLayer(VideoStack.open(video_path))
    viewer.add_layer(layer)
    session = Session(layer.data.video)
    prealign(session, make_aligner(lost={(3, 0), (3, 1)}), Settings("made", faces=2))
    view = LandmarkView(viewer)
    view.show(layer, session)
    yield viewer, layer, session, view
    session.close()
    layer.close()


def test_the_layer_holds_the_shown_frame(opened, made_truth):
    viewer, _, _, view = opened
    for frame in (5, 0, 23):
        viewer.dims.set_current_step(0, frame)
        np.testing.assert_allclose(view.points.data[68:, ::-1], made_truth(frame, 1))
    viewer.dims.set_current_step(0, 3)
    assert not view.points.shown.any()


def test_a_moved_point_is_a_correction_of_the_shown_frame(opened):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 5)
    data = view.points.data.copy()
    data[68 + 30] = (11, 22)
    view.points.data = data
    viewer.dims.set_current_step(0, 6)
    assert session.corrected_frames() == [(5, 1)]
    assert session.view(5).landmarks[1, 30].tolist() == [22, 11]
    assert session.view(5).corrected.sum() == 1


def test_a_drag_that_the_slider_interrupts_is_kept_for_its_frame(opened):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 5)
    with view.points.events.data.blocker():
        view.points._data[30] += 4
    viewer.dims.set_current_step(0, 6)
    assert session.corrected_frames() == [(5, 0)]
    assert not session.view(6).corrected.any()


def test_turning_to_another_frame_ends_the_selection(opened):
    viewer, _, session, view = opened
    view.points.selected_data = {1, 2}
    viewer.dims.set_current_step(0, 9)
    assert not view.points.selected_data
    view.points.remove_selected()
    assert session.view(9).visible.all()


def test_delete_hides_and_undo_shows_again(opened):
    viewer, _, _, view = opened
    viewer.dims.set_current_step(0, 5)
    view.points.selected_data = {1, 70}
    view.points.remove_selected()
    assert np.flatnonzero(view.current.hidden).tolist() == [1, 70]
    viewer.dims.set_current_step(0, 9)
    view.actions.undo()
    assert viewer.dims.current_step[0] == 5
    assert not view.current.hidden.any()
    view.actions.redo()
    view.actions.show_all()
    assert not view.current.hidden.any()


def test_contours_follow_the_points(opened):
    viewer, _, _, view = opened
    viewer.dims.set_current_step(0, 5)
    view.points._data[8] += (6, 0)
    view.points.refresh()
    np.testing.assert_allclose(view.contours.data[8, 0], view.points.data[8])


def test_nothing_moves_while_another_frame_is_on_the_canvas(opened):
    viewer, layer, session, view = opened
    viewer.dims.set_current_step(0, 5)
    layer.screen.wanted = 6
    view._on_canvas()
    assert view.points.frozen
    before = view.points.data.copy()
    view.points._move({30}, (50.0, 50.0))
    view.points.selected_data = {30}
    view.points.nudge(1, 1)
    view.points.remove_selected()
    np.testing.assert_array_equal(view.points.data, before)
    assert not session.corrected_frames()


def test_an_arrow_key_nudges_the_selected_points(opened):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 5)
    view.points.selected_data = {30}
    before = view.points.data[30].copy()
    view.points.nudge(0, 1)
    view.points.nudge(0, 1)
    assert (view.points.data[30] - before).tolist() == [0, 2]
    assert session.view(5).corrected.sum() == 1


def test_more_faces_give_more_points(opened, make_aligner):
    viewer, _, session, view = opened
    prealign(session, make_aligner(), Settings("made", faces=3))
    view._on_changed(0, 23)
    assert len(view.points.data) == len(view.points.features) == 3 * 68
    assert view.points.shown.all()
    assert len(view.contours.data) == 3 * 63
    np.testing.assert_allclose(view.points.face_color[136:, :3], landmark_colours(IBUG68))
    assert [layer.name for layer in viewer.layers] == ["clip", "Face contours", "Face landmarks"]


def test_another_session_gets_the_same_layers(opened, make_aligner, make_video, tmp_path):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 5)
    layers = view.points, view.contours
    other = VideoLayer(VideoStack.open(make_video(tmp_path / "other.mp4", n_frames=12)))
    viewer.add_layer(other)
    with Session(other.data.video) as second:
        view.show(other, second)
        assert not any(layer.visible for layer in layers)
        prealign(second, make_aligner(), Settings("made"))
        view._on_changed(0, 11)
        assert (view.points, view.contours) == layers
        assert view.points.visible
        assert len(view.points.data) == 68
        assert view.points.shown.all()
        view.leave()
    assert not session.corrected_frames()
    other.close()


def test_another_session_with_as_many_faces_is_shown_once_it_has_them(
    opened, make_aligner, make_video, made_truth, tmp_path
):
    viewer, _, _, view = opened
    other = VideoLayer(VideoStack.open(make_video(tmp_path / "other.mp4", n_frames=12)))
    viewer.add_layer(other)
    with Session(other.data.video) as second:
        view.show(other, second)
        prealign(second, make_aligner(), Settings("made", faces=2))
        view._on_changed(0, 11)
        assert view.points.visible
        assert view.contours.visible
        viewer.dims.set_current_step(0, 4)
        np.testing.assert_allclose(view.points.data[68:, ::-1], made_truth(4, 1))
        assert view.points.shown.all()
        view.leave()
    other.close()


def test_nothing_is_left_of_the_last_face_that_is_deleted(opened, made_truth):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 5)
    view.points.selected_data = {30}
    track_edits.delete_track(session, 1)
    track_edits.delete_track(session, 0)
    for _ in range(2):
        for layer in (view.points, view.contours):
            assert not layer.visible
            layer.visible = True  # as a click on its eye does
        assert not view.points.shown.any()
        assert not view.contours.edge_color[:, 3].any()
        view.points.nudge(1, 1)
        view.points.remove_selected()
        view.points.data = view.points.data + 1
        for layer in (view.points, view.contours):
            layer.visible = False
        viewer.dims.set_current_step(0, 20)
    view.actions.undo()
    assert view.points.visible
    assert len(view.points.data) == 68
    np.testing.assert_allclose(view.points.data[:, ::-1], made_truth(view.frame))
    assert not session.corrected_frames()


def test_a_layer_that_was_taken_away_comes_back_with_another_frame(opened, made_truth):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 5)
    viewer.layers.remove(view.points)
    assert "comes back" in view.held
    view.actions.copy_previous()
    view.actions.accept()
    assert not session.corrected_frames()
    assert not session.view(5).accepted.any()
    viewer.dims.set_current_step(0, 6)
    assert not view.held
    assert view.points in viewer.layers
    np.testing.assert_allclose(view.points.data[68:, ::-1], made_truth(6, 1))
    viewer.layers.remove(view.contours)
    viewer.dims.set_current_step(0, 7)
    assert view.contours in viewer.layers
    view.actions.copy_previous()
    assert session.corrected_frames() == [(7, 0)]


def test_taking_the_layer_away_loses_nothing(opened):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 5)
    with view.points.events.data.blocker():
        view.points._data[30] += 4
    viewer.layers.remove(view.points)
    viewer.dims.set_current_step(0, 7)
    assert session.corrected_frames() == [(5, 0)]


def test_an_edit_that_cannot_be_stored_is_said_and_taken_back(opened, monkeypatch):
    from napari.utils.notifications import notification_manager

    from napari_red.core.project import ProjectError

    _, _, session, view = opened

    def full(*_):
        raise ProjectError("p.red: disk full; free some space")

    monkeypatch.setattr(session, "apply", full)
    before = view.points.data.copy()
    view.points.data = before + 1
    np.testing.assert_array_equal(view.points.data, before)
    assert "free some space" in notification_manager.records[-1].message
