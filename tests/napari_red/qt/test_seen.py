"""Only what is seen can be edited: the canvas of a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_red._qt.video_layer import VideoLayer
from napari_red._qt.view import LandmarkView
from napari_red.core.frames import VideoStack
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session


@pytest.fixture
def opened(video_path, make_aligner):
    """Frame 6 of a video with a face: the viewer, the layer, the session and the view."""
    viewer = ViewerModel()
    layer = VideoLayer(VideoStack.open(video_path))
    viewer.add_layer(layer)
    session = Session(layer.data.video)
    prealign(session, make_aligner(), Settings("made"))
    view = LandmarkView(viewer)
    view.show(layer, session)
    viewer.dims.set_current_step(0, 5)
    yield viewer, layer, session, view
    view.close()
    session.close()
    layer.close()


@pytest.fixture
def longer(opened, make_video, tmp_path):
    """Another video in the same viewer, of 40 frames, hidden."""
    viewer = opened[0]
    layer = VideoLayer(VideoStack.open(make_video(tmp_path / "longer.mp4", n_frames=40)))
    layer.visible = False
    viewer.add_layer(layer)
    viewer.dims.set_current_step(0, 5)
    yield layer
    layer.close()


def nothing_can_be_done(session, view):
    """Whether the landmarks are gone, and every way to change the frame is barred."""
    assert view.held
    assert not view.points.shown.any()
    view.points.data = view.points.data + 3
    view.actions.accept()
    view.actions.accept_up_to()
    view.actions.copy_previous()
    assert notification_manager.records[-1].message == view.held
    assert session.can_undo()[0] == 0
    return not session.corrected_frames()


def test_a_hidden_video_has_no_landmarks_and_those_of_the_slider_when_it_is_shown(
    opened, made_truth
):
    viewer, layer, session, view = opened
    told = []
    view.shown.connect(lambda: told.append(view.held))
    layer.visible = False
    assert "clip is hidden" in told[-1]
    viewer.dims.set_current_step(0, 20)
    assert nothing_can_be_done(session, view)
    layer.visible = True
    assert told[-1] == ""
    assert view.frame == 20
    np.testing.assert_allclose(view.points.data[:, ::-1], made_truth(20))


def test_a_drag_that_hiding_interrupts_is_kept(opened):
    _, layer, session, view = opened
    with view.points.events.data.blocker():
        view.points._data[30] += 4
    layer.visible = False
    assert session.corrected_frames() == [(5, 0)]


def test_a_video_under_another_one_cannot_be_edited(opened, longer):
    viewer, _, session, view = opened
    longer.visible = True
    assert "longer lies over clip" in view.held
    assert nothing_can_be_done(session, view)
    viewer.layers.move(viewer.layers.index(longer), 0)
    assert not view.held
    assert view.points.shown.all()


def test_nothing_is_accepted_beyond_the_last_frame(opened, longer):
    viewer, _, session, view = opened
    viewer.dims.set_current_step(0, 30)
    assert "outside of clip, which has 24 frames" in view.held
    assert nothing_can_be_done(session, view)
    viewer.dims.set_current_step(0, 23)
    assert not view.held
    assert view.frame == 23


@pytest.mark.parametrize("turn", ["3D", "roll"])
def test_a_canvas_in_3d_or_with_time_as_an_axis_reads_one_frame_only(opened, turn):
    viewer, layer, session, view = opened
    asked = []
    real = layer.data.frames.get
    layer.data.frames.get = lambda number, timeout=None: asked.append(number) or real(number, 9)
    if turn == "3D":
        viewer.dims.ndisplay = 3
    else:
        viewer.dims.roll()
    assert "only flat pictures" in view.held
    assert nothing_can_be_done(session, view)
    assert set(asked) <= {5}
    viewer.dims.ndisplay = 2
    viewer.dims.order = (0, 1, 2)
    assert not view.held
    assert view.points.shown.all()
    assert layer._slice.image.raw.shape == (120, 160, 3)


def test_a_transposed_picture_is_seen(opened):
    viewer, layer, _, view = opened
    viewer.dims.transpose()
    assert not view.held
    assert layer._slice.image.raw.shape == (160, 120, 3)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((20, 30, 30), {"translate": (-7, 0, 0)}),
        ((40, 30, 30), {"scale": (0.5, 1, 1)}),
        ((2, 24, 30, 30), {}),
    ],
)
def test_frames_are_found_beside_layers_with_other_time_axes(opened, shape, options):
    viewer, _, session, view = opened
    session.move(17, 0, {3: (50.0, 50.0)})
    viewer.add_image(np.zeros(shape), **options)
    view.turn_to(4)
    assert view.frame == 4
    view.actions.next_corrected()
    assert view.frame == 17
    view.turn_to(2)
    view.actions.undo()
    assert view.frame == 17
