"""What a person chooses to see, on a viewer without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red._qt.view_options import ViewOptionsBox
from napari_red.core import edits
from napari_red.core.frames import VideoStack
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.scheme import IBUG68


@pytest.fixture
def view(video_path, make_aligner):
    viewer = ViewerModel()
    layer = VideoLayer(VideoStack.open(video_path))
    viewer.add_layer(layer)
    session = Session(layer.data.video)
    prealign(session, make_aligner(), Settings("made", faces=2))
    view = LandmarkView(viewer)
    view.show(layer, session)
    viewer.dims.set_current_step(0, 5)
    yield view
    view.close()
    session.close()
    layer.close()


def test_a_part_shown_alone_is_all_that_can_be_taken_hidden_or_moved(view):
    eye, jaw = view.points.data[36].copy(), view.points.data[8].copy()
    before = view.points.data.copy()
    view.options.set_look(group="eyes")
    assert view.points.get_value(eye) == 36
    assert view.points.get_value(jaw) is None
    view.points.selected_data = set(range(136))
    view.actions.nudge(1, 1)
    moved = np.flatnonzero((view.points.data != before).any(axis=1))
    eyes = list(IBUG68.groups["eyes"])
    assert moved.tolist() == [*eyes, *(68 + i for i in eyes)]
    view.points.selected_data = set(range(136))
    view.points.remove_selected()
    assert view.current.hidden.sum() == 24
    view.options.set_look(group="")
    assert view.points.shown.all()


def test_options_stay_while_stepping_and_change_nothing_that_is_saved(view):
    view.options.set_look(group="mouth", colour_by="confidence", size=2.0)
    before = view.session.view(6).landmarks
    view.viewer.dims.set_current_step(0, 6)
    assert view.points.shown.sum() == 40
    np.testing.assert_array_equal(view.session.view(6).landmarks, before)
    assert view.session.can_undo() == (0, 0)


def test_lines_can_be_left_out_and_move_while_a_point_does(view):
    view.options.toggle_contours()
    assert not view.contours.visible
    view.options.toggle_contours()
    view.points.put([8], view.points.data[[8]] + 5)
    np.testing.assert_allclose(view.contours.data[8, 0], view.points.data[8], atol=1e-4)


def test_text_stands_beside_points_only_if_wished(view):
    assert not view.points.text.visible
    view.options.set_look(labels="numbers")
    assert view.points.text.visible
    assert view.points.text.view_text(np.array([0, 67, 68])).tolist() == ["1", "68", "1"]
    view.options.set_look(labels="names")
    assert view.points.text.view_text(np.array([17])).tolist() == ["brows 1"]
    view.options.set_look(labels="none")
    assert not view.points.text.visible


def test_the_legend_says_who_placed_the_landmarks(view):
    legends = []
    view.options.legend_changed.connect(legends.append)
    view.options.set_look(colour_by="source")
    assert [word for word, _ in legends[-1]] == ["person", "made"]
    for frame in (5, 8):
        view.session.move(frame, 0, {3: (50.0, 50.0)})
    edits.interpolate(view.session, 6, 0)
    view.viewer.dims.set_current_step(0, 7)
    assert [word for word, _ in legends[-1]] == ["person", "made", "interpolated"]


def test_the_camera_follows_the_chosen_face(view):
    camera = view.viewer.scene.camera
    view.options.set_follow(True)

    def middle(face):
        points = view.points.data[face * 68 : face * 68 + 68]
        return (points.min(axis=0) + points.max(axis=0)) / 2

    np.testing.assert_allclose(camera.center[-2:], middle(0), atol=0.1)
    zoom = camera.zoom
    for frame in range(6, 16):
        view.viewer.dims.set_current_step(0, frame)
    np.testing.assert_allclose(camera.center[-2:], middle(0), atol=3)
    assert camera.zoom == zoom
    view.next_face()
    np.testing.assert_allclose(camera.center[-2:], middle(1), atol=0.1)
    view.options.set_follow(False)
    view.viewer.dims.set_current_step(0, 0)
    assert np.linalg.norm(np.array(camera.center[-2:]) - middle(1)) > 3


def test_the_picture_gets_brighter_and_stronger(view):
    view.options.set_picture(brightness=20)
    low, high = view.video.contrast_limits
    assert low < 0
    assert high - low == pytest.approx(255)
    view.options.set_picture(contrast=50)
    low, high = view.video.contrast_limits
    assert high - low == pytest.approx(127.5)
    view.options.plain_picture()
    assert view.video.contrast_limits == [0, 255]


def test_the_controls_follow_the_options_and_set_them(qtbot, view):
    box = ViewOptionsBox(view.options)
    qtbot.addWidget(box)
    view.options.next_group()
    view.options.next_colouring()
    assert box.group.currentText() == "jaw"
    assert box.colour_by.currentText() == "confidence"
    box.follow.click()
    box.contours.click()
    assert view.options.follow
    assert not view.options.look.contours
    box.brightness.setValue(30)
    box.points.setValue(0)
    assert view.options.brightness == 30
    assert view.options.look.size == 0.5
    box.labels.setCurrentIndex(2)
    box.labels.activated.emit(2)
    assert view.options.look.labels == "names"
    assert "unsure" in box.legend.text()
