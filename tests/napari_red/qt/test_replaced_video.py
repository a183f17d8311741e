"""A video file that another one was put in the place of, in the window."""

import pytest

from napari_red.core.add_videos import add_videos
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.video import open_video

pytestmark = pytest.mark.window


def test_the_row_of_a_video_that_was_replaced_does_not_show_the_other_one(
    qtbot, open_viewer, open_dock, tmp_path, make_video, make_aligner, monkeypatch
):
    path = make_video(tmp_path / "talk.mp4", n_frames=24)
    with Project(tmp_path / "p.red") as project:
        (record,) = add_videos(project, [path]).new
        with open_video(path) as video, Session(video, project=project) as session:
            prealign(session, make_aligner(), Settings("made"))
    make_video(path, n_frames=30)
    viewer = open_viewer()
    viewer.open(str(path), plugin="napari-red")
    dock = open_dock(viewer, make_aligner())
    work = dock.workbench
    work.open_project(tmp_path / "p.red")
    asked = []
    monkeypatch.setattr(work.layer, "ask_where", lambda record: asked.append(record.id) or "")
    work.open_record(record)
    assert asked == [record.id]
    assert work.session is None or work.session.video_id == record.id
