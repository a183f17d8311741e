"""Which of a project's videos is on the canvas: the one that a person chose last."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hands import Hands
from napari.utils.notifications import notification_manager

from napari_red.core.add_videos import add_videos
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.video import open_video

pytestmark = pytest.mark.window


@pytest.fixture
def dock(qtbot, open_viewer, open_dock, make_aligner, make_video, tmp_path):
    """The dock with a project of two annotated videos; the first is open, on frame 5."""
    paths = [make_video(tmp_path / f"v{n}.mp4", n_frames=24 + n) for n in range(2)]
    with Project(tmp_path / "p.red") as project:
        add_videos(project, paths)
        for path in paths:
            with open_video(path) as video, Session(video, project=project) as session:
                prealign(session, make_aligner(), Settings("made"))
    dock = open_dock(open_viewer(), make_aligner())
    work = dock.workbench
    work.open_project(tmp_path / "p.red")
    choose(dock, 0)
    qtbot.waitUntil(lambda: work.session is not None, timeout=10_000)
    work.view.turn_to(4)
    qtbot.waitUntil(lambda: work.view.frame == 4 and not work.video.late)
    qtbot.waitUntil(lambda: bool(dock.review_control.queue), timeout=10_000)
    notification_manager.records.clear()
    return dock


def records(dock):
    return dock.workbench.shown_project.videos()


def choose(dock, number: int) -> None:
    """Double-click a line of the list."""
    dock.videos.opened.emit(("record", records(dock)[number].id))


def said() -> list[str]:
    return [one.message for one in notification_manager.records]


def visible(dock) -> list[bool]:
    return [layer.visible for layer in dock.workbench.viewer.layers]


WAYS = {
    "the list": lambda dock: choose(dock, 0),
    "N": lambda dock: Hands(dock.workbench.viewer).press("N"),
    "the queue": lambda dock: dock.review.went.emit(
        next(one for one in dock.review_control.queue if one.video.id == records(dock)[0].id)
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_hidden_video_is_shown_with_its_landmarks_when_it_is_chosen(qtbot, dock, way):
    work = dock.workbench
    here = records(dock)[0].id
    dock.review_control.queue = [q for q in dock.review_control.queue if q.video.id == here]
    for layer in work.viewer.layers:
        layer.visible = False
    assert "is hidden" in work.view.held
    WAYS[way](dock)
    assert all(visible(dock))
    assert not work.view.held
    if way != "the list":
        qtbot.waitUntil(lambda: work.view.frame == dock.review_control.queue[0].frame)
    assert work.view.points.shown.all()


def test_landmarks_that_are_hidden_beside_their_video_stay_so(dock):
    dock.workbench.view.points.visible = False
    WAYS["N"](dock)
    assert not dock.workbench.view.points.visible
    assert dock.workbench.video.visible


def test_moving_landmarks_without_any_selected_hides_no_layer(dock):
    layers = dock.workbench.viewer.layers
    active = layers.selection.active
    for key in ("Shift+Alt+Down", "Shift+Alt+Up", "Alt+Down", "Alt+Up"):
        notification_manager.records.clear()
        Hands(dock.workbench.viewer).press(key)
        assert all(visible(dock)), key
        assert layers.selection.active is active, key
        assert "Select landmarks first" in said()[-1], key


@pytest.mark.parametrize("last", [0, 1])
def test_the_video_that_was_chosen_last_is_the_one_that_is_shown(qtbot, dock, last):
    work = dock.workbench
    here, there = records(dock)
    choose(dock, 1 - last)
    choose(dock, last)
    qtbot.waitUntil(lambda: work.session.video_id == (here, there)[last].id)
    qtbot.wait(300)
    assert work.session.video_id == (here, there)[last].id


def test_a_video_chosen_after_a_jump_into_another_one_is_shown(qtbot, dock):
    work, control = dock.workbench, dock.review_control
    here, there = records(dock)
    control.queue = [one for one in control.queue if one.video.id == there.id]
    assert control.queue
    Hands(work.viewer).press("Shift+D")
    assert work.session.view(4).accepted.all()
    choose(dock, 0)
    qtbot.wait(300)
    assert work.session.video_id == here.id
    assert work.view.frame == 4


def test_a_job_on_a_hidden_video_is_told_of_once(qtbot, dock, make_video, tmp_path):
    work, done = dock.workbench, threading.Event()
    viewer, video = work.viewer, work.video
    viewer.open(str(make_video(tmp_path / "other.mp4")), plugin="napari-red")
    other = work.video
    work.open(video)
    work.runner.start(lambda *_: done.wait(30), lambda _: "", message="")
    video.visible = False
    other.visible = True
    qtbot.wait(50)
    for n in range(3):
        viewer.add_image(np.zeros((3, 3)))
        viewer.layers.move(0, n + 1)
        qtbot.wait(50)
    assert ["running job" in one for one in said()].count(True) == 1
    assert work.video is video
    video.visible = True
    video.visible = False
    qtbot.wait(50)
    assert ["running job" in one for one in said()].count(True) == 2
    done.set()
    qtbot.waitUntil(lambda: not work.busy)
    viewer.layers.move(0, 2)
    qtbot.waitUntil(lambda: work.video is other)


def test_a_job_that_begins_before_another_video_is_there_keeps_its_own(qtbot, dock):
    work, done = dock.workbench, threading.Event()
    choose(dock, 1)
    work.runner.start(lambda *_: done.wait(30), lambda _: "", message="")
    qtbot.waitUntil(lambda: any("running job" in one for one in said()), timeout=10_000)
    assert work.session.video_id == records(dock)[0].id
    done.set()
    qtbot.waitUntil(lambda: not work.busy)
    choose(dock, 1)
    there = records(dock)[1].id
    qtbot.waitUntil(lambda: work.session.video_id == there, timeout=10_000)
