"""The dock is closed by its ×, and opened again from the menu."""

import gc

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication, QPushButton

from napari_red._qt.dock import FaceLandmarksDock
from napari_red._qt.strip import ReviewStrip
from napari_red._qt.view_options import ViewOptionsBox
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.video import open_video

pytestmark = pytest.mark.window


def close(qtbot, dock) -> None:
    """Press the × of its title bar."""
    title = dock.parent().titleBarWidget()
    title.findChild(QPushButton, "QTitleBarCloseButton").click()
    qtbot.wait(50)


def of_kind(kind) -> list:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return [widget for widget in QApplication.allWidgets() if isinstance(widget, kind)]


def ours(viewer) -> list[tuple[str, bool]]:
    return [(one.name, one.visible) for one in viewer.layers if one.name.startswith("Face")]


def warnings() -> list[str]:
    return [one.message for one in notification_manager.records]


@pytest.fixture
def press(qtbot):
    """Presses a key on the canvas."""

    def run(viewer, key: str) -> None:
        qtbot.keyClick(viewer.window._qt_viewer.canvas.native, key.lower())
        qtbot.wait(50)

    return run


def test_closed_it_lets_go_of_everything(
    qtbot, annotated_dock, make_aligner, drag, video_path, press
):
    dock = annotated_dock(make_aligner(), frame=3)
    viewer, path = dock.workbench.viewer, dock.workbench.shown_project.path
    others = set(of_kind(FaceLandmarksDock)) - {dock}
    strips = set(of_kind(ReviewStrip)) - {dock.strip}
    close(qtbot, dock)
    assert set(of_kind(FaceLandmarksDock)) == others
    assert set(of_kind(ReviewStrip)) == strips
    assert ours(viewer) == [("Face contours", False), ("Face landmarks", False)]
    assert warnings() == []

    points = viewer.layers["Face landmarks"]
    points.visible = True
    viewer.layers.selection.active = points
    drag(viewer, points.data[8], points.data[8] + 10)
    press(viewer, "G")
    with Project(path, "write") as project:
        (track,) = project.tracks()
        assert not project.corrections(track.id)
        assert not project.accepted(track.id)


def test_opened_again_it_goes_on_where_it_was(
    qtbot, annotated_dock, open_dock, make_aligner, drag, made_truth
):
    dock = annotated_dock(make_aligner(), faces=2, frame=3)
    viewer = dock.workbench.viewer
    dock.workbench.choose_face(1)
    dock.state.model.device.setCurrentText("cpu")
    dock.faces.draw.click()
    viewer.layers.selection.active = dock.workbench.view.points
    layers = list(viewer.layers)
    for turn in range(2):
        close(qtbot, dock)
        viewer.dims.set_current_step(0, 10 + turn)
        qtbot.wait(50)
        dock = open_dock(viewer, make_aligner())
        assert list(viewer.layers) == layers, "none is there twice"
        assert warnings() == []
        work = dock.workbench
        assert not work.session.read_only
        assert work.view.face == 1
        assert dock.chosen_model()[1] == "cpu"
        assert work.view.frame == dock.strip.frame == 10 + turn
        points = work.view.points
        np.testing.assert_allclose(points.data[68:, ::-1], made_truth(10 + turn, 1), atol=0.1)
        drag(viewer, points.data[76], points.data[76] + 6)
    assert work.session.corrected_frames() == [(10, 1), (11, 1)]
    dock.faces.draw.click()
    drag(viewer, (30, 40), (90, 100))
    assert len(dock.workbench.boxes.boxes()) == 1
    assert list(viewer.layers) == layers


def test_opened_again_it_shows_what_was_chosen_to_be_seen(
    annotated_dock, open_dock, make_aligner, qtbot
):
    dock = annotated_dock(make_aligner(), frame=3)
    viewer, options = dock.workbench.viewer, dock.workbench.view.options
    options.set_look(group="mouth", contours=False, colour_by="confidence", labels="numbers")
    options.larger_points()
    options.set_picture(30, -20)
    options.set_follow(True)
    chosen = options.sight
    dark = dock.workbench.video.contrast_limits
    close(qtbot, dock)
    dock = open_dock(viewer, make_aligner())
    view = dock.workbench.view
    assert view.options.sight == chosen
    box = dock.findChild(ViewOptionsBox)
    assert box.follow.isChecked()
    assert not box.contours.isChecked()
    assert (box.group.currentData(), box.colour_by.currentData()) == ("mouth", "confidence")
    assert (box.brightness.value(), box.contrast.value()) == (30, -20)
    assert dock.workbench.video.contrast_limits == dark
    assert view.points.shown.sum() == 20
    assert not view.contours.visible
    assert view.points.text.visible


def test_a_project_that_a_person_opened_is_open_again(
    qtbot, open_viewer, open_dock, make_aligner, make_video, tmp_path
):
    path = tmp_path / "people.red"
    with Project(path) as project:
        for name, frames in (("one", 20), ("two", 12)):
            with open_video(make_video(tmp_path / f"{name}.mp4", n_frames=frames)) as video:
                Session(video, project=project).opened()
    viewer = open_viewer()
    dock = open_dock(viewer, make_aligner())
    dock.videos_control.open_project(path)
    records = dock.workbench.shown_project.videos()
    dock.workbench.open_record(records[1])
    qtbot.waitUntil(lambda: dock.workbench.session is not None, timeout=10_000)
    close(qtbot, dock)
    dock = open_dock(viewer, make_aligner())
    assert dock.workbench.shown_project.path == path
    assert dock.workbench.session.video_id == records[1].id
    dock.workbench.open_record(records[0])
    qtbot.waitUntil(lambda: dock.workbench.session.video_id == records[0].id, timeout=10_000)
    assert len(dock.workbench.videos) == 1, "the videos still take turns in one layer"


def test_a_video_that_was_removed_meanwhile_is_not_missed(
    qtbot, annotated_dock, open_dock, make_aligner
):
    dock = annotated_dock(make_aligner())
    viewer = dock.workbench.viewer
    close(qtbot, dock)
    viewer.layers.remove(viewer.layers["clip"])
    dock = open_dock(viewer, make_aligner())
    assert dock.workbench.session is None


def test_a_job_that_runs_is_not_lost_silently(
    qtbot, open_viewer, open_dock, make_aligner, video_path
):
    viewer = open_viewer()
    viewer.open(str(video_path), plugin="napari-red")
    aligner = make_aligner(pause=0.1)
    dock = open_dock(viewer, aligner)
    dock.videos.start.click()
    qtbot.waitUntil(lambda: dock.workbench.session.n_faces == 1, timeout=60_000)
    close(qtbot, dock)
    assert aligner.stopped
    (said,) = warnings()
    assert "the running job" in said
    assert "open the dock again" in said
    dock = open_dock(viewer, make_aligner())
    assert dock.workbench.session.view(0).visible.all(), "what was found is kept"
    dock.videos.start.click()
    qtbot.waitUntil(lambda: not dock.workbench.busy, timeout=60_000)
    assert dock.workbench.session.view(23).visible.all()


def test_the_files_are_closed_even_where_the_parts_of_qt_are_gone(
    annotated_dock, make_aligner, video_path
):
    work = annotated_dock(make_aligner()).workbench
    path = work.shown_project.path
    for part in (*work.jobs.all, work.jobs, work.background, work):
        part.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    work.let_go()
    gc.collect()
    with Project(path, "write") as project:
        assert not project.read_only
