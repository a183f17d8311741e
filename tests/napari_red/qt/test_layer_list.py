"""What napari's own buttons and menus of the layer list do to videos, in a real window."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from napari.layers._layer_actions import _duplicate_layer, _split_rgb
from napari.utils.notifications import notification_manager

from napari_red._qt.video_layer import VideoLayer
from napari_red.core import frames
from napari_red.core.frames import FramesError

pytestmark = pytest.mark.window


@pytest.fixture
def two_videos(qtbot, annotated_dock, make_aligner, make_video, tmp_path):
    """The dock with two annotated videos; "other" is open, on frame 6."""
    dock = annotated_dock(make_aligner())
    work = dock.workbench
    work.viewer.open(str(make_video(tmp_path / "other.mp4")), plugin="napari-red")
    dock.videos.start.click()
    qtbot.waitUntil(lambda: not work.busy, timeout=60_000)
    work.view.turn_to(5)
    qtbot.waitUntil(lambda: work.view.frame == 5 and not work.video.late)
    return dock


def test_the_second_video_is_shown_with_its_landmarks(two_videos):
    view = two_videos.workbench.view
    assert two_videos.workbench.video.name == "other"
    assert view.points.visible
    assert view.contours.visible
    assert view.points.shown.all()


def test_eyes_change_the_video_that_is_worked_on(qtbot, two_videos, drag):
    work = two_videos.workbench
    clip, other = (work.viewer.layers[name] for name in ("clip", "other"))
    clip.visible = True
    if work.view.held:  # the one above is seen
        assert "lies over" in two_videos.state.frame.text()
    other.visible = False
    assert "other is hidden" in two_videos.state.frame.text()
    qtbot.waitUntil(lambda: work.video is clip)
    assert not work.view.held
    work.view.turn_to(12)
    qtbot.waitUntil(lambda: work.view.frame == 12 and not clip.late)
    place = work.view.points.data[8].copy()
    drag(work.viewer, place, place + 6)
    assert work.session.project_path.name == "clip.red"
    assert work.session.corrected_frames() == [(12, 0)]
    work.open(other)
    assert not work.session.corrected_frames()


def test_both_eyes_off_and_one_on_again(qtbot, two_videos):
    work = two_videos.workbench
    clip, other = (work.viewer.layers[name] for name in ("clip", "other"))
    other.visible = False
    qtbot.wait(50)
    assert work.video is other
    clip.visible = True
    qtbot.waitUntil(lambda: work.video is clip)
    assert not other.visible


@pytest.mark.parametrize("turn", ["3D", "roll"])
def test_3d_and_rolled_axes_are_put_back_and_it_is_said_why(
    qtbot, annotated_dock, make_aligner, turn
):
    dock = annotated_dock(make_aligner(), frame=5)
    viewer = dock.workbench.viewer
    if turn == "3D":
        viewer.window._qt_viewer.viewerButtons.ndisplayButton.click()
    else:
        viewer.dims.roll()
    assert "only flat pictures" in dock.state.frame.text()
    qtbot.waitUntil(lambda: viewer.dims.ndisplay == 2 and viewer.dims.order == (0, 1, 2))
    assert "frame by frame" in notification_manager.records[-1].message
    assert not viewer.window._qt_viewer.viewerButtons.ndisplayButton.isChecked()
    view = dock.workbench.view
    assert not view.held
    assert view.frame == 5
    assert view.points.mode == "select"


def test_other_layers_are_shown_in_3d_while_the_video_is_hidden(
    qtbot, annotated_dock, make_aligner
):
    dock = annotated_dock(make_aligner())
    dock.workbench.video.visible = False
    dock.workbench.viewer.add_image(np.zeros((4, 5, 6)))
    dock.workbench.viewer.dims.ndisplay = 3
    qtbot.wait(50)
    assert dock.workbench.viewer.dims.ndisplay == 3


def test_splitting_a_video_into_colours_is_refused(annotated_dock, make_aligner, monkeypatch):
    monkeypatch.setattr(frames, "CACHE_BYTES", 10 * 160 * 120 * 3)
    dock = annotated_dock(make_aligner())
    layers = dock.workbench.viewer.layers
    layers.selection.active = dock.workbench.video
    with pytest.raises(FramesError, match="at most 10"):
        _split_rgb(layers)
    assert dock.workbench.video in layers


def test_a_duplicate_of_a_video_has_a_decoder_of_its_own(qtbot, annotated_dock, make_aligner):
    dock = annotated_dock(make_aligner(), frame=5)
    work, layers = dock.workbench, dock.workbench.viewer.layers
    video = work.video
    layers.selection = {video}
    _duplicate_layer(layers)
    qtbot.waitUntil(lambda: isinstance(layers["clip copy"], VideoLayer))
    twin = layers["clip copy"]
    assert work.video is twin
    np.testing.assert_array_equal(twin.data[3], video.data[3])
    qtbot.wait(100)
    layers.remove(twin)
    assert work.video is video
    work.view.turn_to(9)
    qtbot.waitUntil(lambda: work.view.frame == 9 and not video.late)
    assert work.view.points.shown.all()


def test_a_deep_copy_survives_the_one_it_was_made_of(annotated_dock, make_aligner):
    stack = annotated_dock(make_aligner()).workbench.video.data
    twin = copy.deepcopy(stack)
    before = stack[2].copy()
    stack.close()
    np.testing.assert_array_equal(twin[2], before)
    twin.close()
