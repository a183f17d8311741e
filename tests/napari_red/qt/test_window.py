"""The dock in a real window."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer

from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frames import VideoStack
from trainer.data.pts import read_pts
from trainer.geometry import FaceBox

pytestmark = pytest.mark.window


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)


def test_from_the_video_to_corrected_files(
    qtbot, open_viewer, open_dock, drag, make_aligner, made_truth, video_path
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    dock.videos.start.click()
    finish(qtbot, dock)
    assert "24 frames" in dock.state.job.message.text()
    viewer.dims.set_current_step(0, 5)
    points = dock.workbench.view.points
    np.testing.assert_allclose(points.data[:, ::-1], made_truth(5))

    before = points.data[8].copy()
    lines = []
    drag(
        viewer,
        before,
        before + (10, -4),
        between=lambda: lines.append(dock.workbench.view.contours.data[8, 0].copy()),
    )
    np.testing.assert_allclose(points.data[8], before + (10, -4), atol=0.6)
    np.testing.assert_allclose(lines[0], before + (10, -4), atol=0.6)
    assert "1 corrected" in dock.state.frame.text()
    moved = points.data[8, ::-1].copy()
    dock.close_workbench()
    viewer.close()

    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner(offset=9.0))
    dock.videos.start.click()
    finish(qtbot, dock)
    dock.export.start.click()
    finish(qtbot, dock)
    out = video_path.parent / "clip_export"
    landmarks = read_pts(out / "clip" / "annot" / "000006.pts")
    np.testing.assert_allclose(landmarks[8], moved, atol=2e-3)
    np.testing.assert_allclose(landmarks[9], made_truth(5)[9], atol=2e-3)
    np.testing.assert_allclose(
        read_pts(out / "clip" / "annot" / "000007.pts"), made_truth(6) + 9, atol=2e-3
    )


def test_the_window_stays_alive_points_appear_and_cancel_keeps_them(
    qtbot, open_viewer, open_dock, make_aligner, video_path
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    aligner = make_aligner(pause=0.2)
    dock = open_dock(viewer, aligner)
    viewer.dims.set_current_step(0, 0)
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(dock.workbench.busy))
    timer.start(20)
    dock.videos.start.click()
    assert dock.state.job.cancel.isEnabled()
    qtbot.waitUntil(lambda: dock.workbench.session.n_faces == 1, timeout=60_000)
    qtbot.waitUntil(lambda: dock.workbench.view.points is not None, timeout=60_000)
    assert dock.workbench.busy
    assert dock.workbench.view.points.shown.all()
    dock.state.job.cancel.click()
    finish(qtbot, dock)
    timer.stop()
    assert any(ticks)
    assert aligner.stopped
    assert "Cancelled" in dock.state.job.message.text()
    assert not dock.workbench.session.view(23).visible.any()
    assert dock.videos.start.isEnabled()


def test_while_a_frame_is_decoded_editing_is_locked_and_the_window_says_so(
    qtbot, open_viewer, open_dock, drag, make_aligner, video_path
):
    viewer = open_viewer()
    stack = VideoStack.open(video_path)
    layer = VideoLayer(stack)
    viewer.add_layer(layer)
    dock = open_dock(viewer, make_aligner())
    dock.videos.start.click()
    finish(qtbot, dock)
    viewer.dims.set_current_step(0, 5)
    qtbot.waitUntil(lambda: layer.shown_frame == 5)

    real, blocked = stack.frames.get, {"yes": True}

    def get(number, timeout=None):
        if blocked["yes"] and number == 9:
            raise TimeoutError
        return real(number, timeout)

    stack.frames.get = get
    stack.previews.nearest = lambda number: None
    viewer.dims.set_current_step(0, 9)
    points = dock.workbench.view.points
    assert layer.shown_frame == 5
    assert "locked" in dock.state.frame.text()
    before = points.data.copy()
    drag(viewer, before[8], before[8] + (10, 0))
    np.testing.assert_array_equal(points.data, before)
    assert not dock.workbench.session.corrected_frames()

    blocked["yes"] = False
    qtbot.waitUntil(lambda: layer.shown_frame == 9, timeout=10_000)
    assert "Frame 10 of 24" in dock.state.frame.text()
    assert not points.frozen
    np.testing.assert_array_equal(stack[9], layer._slice.image.raw)


def test_a_preview_has_the_landmarks_of_the_sliders_frame_and_cannot_be_edited(
    qtbot, open_viewer, open_dock, drag, make_aligner, video_path, made_truth
):
    viewer = open_viewer()
    stack = VideoStack.open(video_path)
    layer = VideoLayer(stack)
    viewer.add_layer(layer)
    dock = open_dock(viewer, make_aligner())
    dock.videos.start.click()
    finish(qtbot, dock)
    viewer.dims.set_current_step(0, 5)
    qtbot.waitUntil(lambda: layer.shown_frame == 5)
    boxes = dock.workbench.boxes
    boxes.draw(layer)

    real, blocked = stack.frames.get, {"yes": True}

    def get(number, timeout=None):
        if blocked["yes"] and number == 20:
            raise TimeoutError
        return real(number, timeout)

    stack.frames.get = get
    stack.previews.nearest = lambda number: (18, np.full((6, 8, 3), 77, np.uint8))
    viewer.dims.set_current_step(0, 20)
    qtbot.waitUntil(lambda: layer.shown_frame == 20)
    assert (layer._slice.image.raw == 77).all()
    assert layer._slice.image.raw.shape == stack.shape[1:]
    view = dock.workbench.view
    np.testing.assert_allclose(view.points.data[:68, ::-1], made_truth(20), atol=0.5)
    said = dock.state.frame.text()
    assert said == "Frame 21 of 24 (loading): this is a preview of frame 19, locked until then."
    before = view.points.data.copy()
    viewer.layers.selection.active = view.points
    drag(viewer, before[8], before[8] + (10, 0))
    np.testing.assert_array_equal(view.points.data, before)
    view.actions.accept()
    assert not dock.workbench.session.view(20).accepted.any()
    assert not dock.workbench.session.corrected_frames()
    box_layer = viewer.layers["Face box"]
    assert not box_layer.visible
    assert box_layer.mode == "pan_zoom"

    blocked["yes"] = False
    qtbot.waitUntil(lambda: not layer.late, timeout=10_000)
    np.testing.assert_array_equal(stack[20], layer._slice.image.raw)
    qtbot.waitUntil(lambda: "Frame 21 of 24" in dock.state.frame.text())
    assert "loading" not in dock.state.frame.text()
    assert box_layer.visible
    assert box_layer.mode == "add_rectangle"
    viewer.layers.selection.active = view.points
    drag(viewer, before[8], before[8] + (10, 0))
    assert dock.workbench.session.corrected_frames() == [(20, 0)]


def test_a_video_plays_at_its_own_speed(qtbot, open_viewer, make_video, tmp_path):
    viewer = open_viewer()
    viewer.open(str(make_video(tmp_path / "slow.mp4", fps=15)), plugin="napari-red")
    assert viewer.window._qt_viewer.dims.slider_widgets[0].fps == 15


def test_the_face_can_be_drawn(qtbot, open_viewer, open_dock, drag, make_aligner, video_path):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    aligner = make_aligner()
    dock = open_dock(viewer, aligner)
    viewer.dims.set_current_step(0, 10)
    dock.faces.draw.click()
    drag(viewer, (30, 40), (90, 100))
    assert "frame 11" in dock.faces.note.text()
    (box,) = dock.workbench.boxes.boxes()
    np.testing.assert_allclose([box.x, box.y, box.width, box.height], [40, 30, 60, 60], atol=1)
    layer = viewer.layers["Face box"]
    viewer.dims.set_current_step(0, 12)
    assert not layer.visible
    viewer.dims.set_current_step(0, 10)
    assert layer.visible
    dock.videos.start.click()
    finish(qtbot, dock)
    assert aligner.calls[0]["start"] == 10
    assert aligner.calls[0]["boxes"] == (box,)
    dock.faces.clear.click()
    assert dock.workbench.boxes.boxes() is None


def test_the_face_can_be_detected(
    qtbot, open_viewer, open_dock, make_aligner, video_path, monkeypatch
):
    class Detector:
        def detect(self, image):
            assert image.shape == (120, 160, 3)
            return [FaceBox(40, 30, 60, 60), FaceBox(1, 2, 3, 4)]

    monkeypatch.setattr("napari_red._qt.tasks.default_detector", Detector)
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    dock.faces.detect.click()
    finish(qtbot, dock)
    assert dock.workbench.boxes.boxes() == (FaceBox(40, 30, 60, 60), FaceBox(1, 2, 3, 4))
    assert not dock.faces.count.isEnabled()


def test_an_aligner_that_fails_is_said_and_the_dock_goes_on(
    qtbot, open_viewer, open_dock, make_aligner, video_path
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner(fail_at=3))
    dock.videos.start.click()
    finish(qtbot, dock)
    assert "the aligner broke" in dock.state.job.message.text()
    assert dock.videos.start.isEnabled()
    assert dock.workbench.session.view(2).visible.all()


def test_a_model_that_is_gone_is_said_at_once(
    qtbot, open_viewer, open_dock, make_aligner, video_path, tmp_path
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    (tmp_path / "made.safetensors").unlink()
    dock.videos.start.click()
    assert not dock.workbench.busy
    assert "no such model" in notification_manager.records[-1].message


def test_two_videos_keep_their_own_landmarks(
    qtbot, open_viewer, open_dock, make_aligner, make_video, video_path, tmp_path
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    dock.videos.start.click()
    finish(qtbot, dock)
    viewer.open(str(make_video(tmp_path / "other.mp4", n_frames=12)), plugin="napari-red")
    assert dock.workbench.video.name == "other"
    assert dock.videos.names() == ["clip", "other"]
    assert dock.workbench.session.n_faces == 0
    assert not dock.workbench.view.points.visible
    clip, other = viewer.layers["clip"], viewer.layers["other"]
    qtbot.waitUntil(lambda: viewer.layers.index(other) < viewer.layers.index("Face landmarks"))
    dock.videos.list.itemDoubleClicked.emit(dock.videos.list.topLevelItem(0), 0)
    assert dock.workbench.view.points.shown.all()
    assert (clip.visible, other.visible) == (True, False)
    qtbot.wait(100)
    viewer.layers.remove(clip)
    assert dock.workbench.video.name == "other"


def test_without_a_video_the_dock_says_what_to_do(qtbot, open_viewer, open_dock, make_aligner):
    dock = open_dock(open_viewer(), make_aligner())
    assert "Open or drop a video" in dock.videos.hint.text()
    assert "No video" in dock.state.frame.text()
    for button in (dock.videos.start, dock.faces.detect, dock.faces.draw, dock.export.start):
        assert not button.isEnabled()
