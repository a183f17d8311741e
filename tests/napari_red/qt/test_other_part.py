"""A part of a video that is worked on, in the window."""

import pytest

from napari_red.core.add_videos import add_videos
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.video import open_video
from trainer.geometry import FaceBox

pytestmark = pytest.mark.window


@pytest.fixture
def dock(qtbot, open_viewer, open_dock, tmp_path, video_path, make_aligner):
    """The dock with a project whose one video is open; frames 5 to 16 are worked on."""
    with Project(tmp_path / "p.red") as project:
        (record,) = add_videos(project, [video_path], start=4, stop=16).new
        with open_video(video_path) as video, Session(video, project=project) as session:
            prealign(session, make_aligner(), Settings("made"))
    dock = open_dock(open_viewer(), make_aligner())
    dock.workbench.open_project(tmp_path / "p.red")
    dock.workbench.open_record(record)
    qtbot.waitUntil(lambda: dock.workbench.session is not None, timeout=10_000)
    return dock


def test_the_same_video_with_another_part_is_worked_on_there(qtbot, dock, video_path):
    work = dock.workbench
    qtbot.waitUntil(lambda: "12 left" in dock.review.counts.text(), timeout=10_000)
    dock.videos_control.add([str(video_path)], start=16, stop=None, stride=2)
    said = "clip: frames 17 to 24 every 2 are worked on from now on, 5 to 16 before"
    qtbot.waitUntil(lambda: said in dock.state.job.message.toolTip(), timeout=10_000)
    assert work.session.wanted == range(16, 24, 2)
    (row,) = dock.videos_control.standings
    assert (row.video.wanted_frames, row.video.state) == (range(16, 24, 2), "waiting")
    qtbot.waitUntil(lambda: "4 left" in dock.review.counts.text(), timeout=10_000)
    dock.videos_control.start()
    qtbot.waitUntil(lambda: not work.batch.busy, timeout=60_000)
    found = [frame for frame in range(24) if work.session.view(frame).visible.all()]
    assert found == [*range(4, 16), *range(16, 24, 2)]


def test_a_box_drawn_outside_the_part_is_refused(qtbot, dock):
    work = dock.workbench
    work.boxes.put(work.video, 20, [FaceBox(40, 30, 60, 60)])
    dock.faces.count.setValue(1)
    before = work.shown_project.run_models(work.session.video_id)
    dock.videos.start.click()
    said = "the face box is drawn in frame 21, which isn't worked on: draw it in a frame from 5"
    qtbot.waitUntil(lambda: said in dock.state.job.message.toolTip(), timeout=60_000)
    assert work.shown_project.run_models(work.session.video_id) == before
    (video,) = work.shown_project.videos()
    assert video.state == "done"
