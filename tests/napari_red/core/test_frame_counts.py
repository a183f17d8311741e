"""Videos with frames that can't be decoded, of which earlier versions counted fewer frames."""

import pytest
from make_videos import damage_frame

from napari_red.core import video_rows
from napari_red.core.batch import Batch
from napari_red.core.export import export_session
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import open_video


@pytest.fixture
def damaged(tmp_path, make_video):
    path = make_video(tmp_path / "d.mp4", n_frames=40)
    for number in (19, 20, 21):
        damage_frame(path, path, number)
    return path


@pytest.fixture
def older(damaged, make_aligner):
    """A project that knows 37 of the 40 frames, as an earlier version made it."""
    with open_video(damaged) as video, Session(video) as session:
        assert video.n_frames == 40
        prealign(session, make_aligner(), Settings("made"))
        project, record = session.opened()
        seconds = video_rows.times_to_bytes(project.times(record.id)[:37])
        project.database.write(
            lambda db: db.execute("UPDATE videos SET n_frames = 37, times = ?", (seconds,))
        )
        return project.path


def test_a_project_learns_how_many_frames_there_are_and_says_so_once(damaged, older, tmp_path):
    with open_video(damaged) as video, Session(video) as session:
        (warning,) = session.warnings
        assert "has 40 frames, and an earlier version counted 37" in warning
        assert "labels after frame 19 may lie up to 3 frames early" in warning
        project, record = session.opened()
        assert record.n_frames == session.n_frames == 40
        assert len(project.times(record.id)) == 40
        session.move(38, 0, {30: (50.0, 60.0)})
        assert export_session(session, tmp_path / "out").corrected == 1
    with open_video(damaged) as video, Session(video) as session:
        assert session.warnings == []


def test_a_project_that_cannot_be_written_says_so_too_and_stays_as_it_is(damaged, older):
    for _ in range(2):
        with Project(older, "read") as project, open_video(damaged) as video:
            with Session(video, project=project) as session:
                assert any("an earlier version counted 37" in one for one in session.warnings)
            assert project.videos()[0].n_frames == 37


def test_what_is_aligned_with_many_says_so_in_the_list(older, make_aligner):
    with Project(older) as project:
        rows = []
        batch = Batch(project, lambda *_: make_aligner(), Settings("made"))
        batch.run(again=True, on_event=rows.append)
        assert project.videos()[0].n_frames == 40
        assert "an earlier version counted 37" in rows[-1].message


def test_a_project_without_labels_has_nothing_to_look_at(damaged, tmp_path):
    with Project(tmp_path / "p.red") as project, open_video(damaged) as video:
        mark = video_fingerprint(damaged)
        project.add_video(damaged, mark, n_frames=37, height=120, width=160, fps=25.0)
        with Session(video, project=project) as session:
            assert session.warnings == []
            assert project.videos()[0].n_frames == 40
