"""A project in which only a part of a video is worked on, in the window."""

import numpy as np
import pytest
from hands import Hands
from knowing_aligner import truth

from napari_red.core.add_videos import add_videos
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.video import open_video

pytestmark = pytest.mark.window

WANTED = range(4, 20, 3)


@pytest.fixture
def dock(qtbot, open_viewer, open_dock, make_aligner, video_path, tmp_path):
    """The dock with a video of which every third frame from 5 to 17 is annotated."""
    with Project(tmp_path / "p.red") as project:
        add_videos(project, [video_path], start=4, stop=20, stride=3)
        with open_video(video_path) as video, Session(video, project=project) as session:
            prealign(session, make_aligner(), Settings("made", start=4, stop=20))
    dock = open_dock(open_viewer(), make_aligner())
    work = dock.workbench
    work.open_project(tmp_path / "p.red")
    (record,) = work.shown_project.videos()
    work.open_record(record)
    qtbot.waitUntil(lambda: work.session is not None, timeout=10_000)
    qtbot.waitUntil(lambda: not work.video.late)
    return dock


def turn(qtbot, dock, frame: int) -> None:
    work = dock.workbench
    work.view.turn_to(frame)
    qtbot.waitUntil(lambda: work.view.frame == frame and not work.video.late)


def placed(dock) -> list[int]:
    session = dock.workbench.session
    return [n for n in range(session.n_frames) if np.isfinite(session.view(n).landmarks).all()]


def told_by(dock) -> list[str]:
    said: list[str] = []
    dock.workbench.view.actions.told.connect(said.append)
    return said


def test_a_video_opens_at_the_first_frame_that_is_worked_on(qtbot, dock):
    qtbot.waitUntil(lambda: dock.workbench.view.frame == WANTED[0])


def test_a_face_is_copied_from_the_frame_before_that_is_worked_on(qtbot, dock):
    turn(qtbot, dock, 10)
    said = told_by(dock)
    Hands(dock.workbench.viewer).press("K")
    assert said == ["Face 1 copied from frame 8."]
    np.testing.assert_array_equal(dock.workbench.session.view(10).landmarks[0], truth(7))


def test_interpolating_fills_only_frames_that_are_worked_on(qtbot, dock):
    session, hands = dock.workbench.session, Hands(dock.workbench.viewer)
    session.move(4, 0, {30: (50.0, 50.0)})
    session.move(13, 0, {30: (80.0, 50.0)})
    turn(qtbot, dock, 7)
    said = told_by(dock)
    hands.press("J")
    assert said == ["Frames 8 to 11 (one in 3) interpolated."]
    assert placed(dock) == list(WANTED)
    np.testing.assert_allclose(session.view(7).landmarks[0, 30], (60, 50), atol=1 / 64)
    session.move(16, 0, {30: (80.0, 50.0)})
    turn(qtbot, dock, 14)
    hands.press("J")
    assert said[-1] == "There is no frame to fill between 14 and 17."
    assert placed(dock) == list(WANTED)


def test_accepting_up_to_a_frame_says_which_frames_are_accepted(qtbot, dock):
    turn(qtbot, dock, 12)
    said = told_by(dock)
    Hands(dock.workbench.viewer).press("Shift+G")
    assert said == ["Frames 5 to 11 (one in 3) accepted."]
    assert dock.workbench.session.track(0).accepted.frames() == [4, 7, 10]
