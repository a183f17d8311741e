"""Sessions of a window and of jobs beside it, moved videos, and the strip's overview."""

import numpy as np
import pytest

from napari_red.core import edits
from napari_red.core.add_videos import add_videos
from napari_red.core.blank_video import BlankVideo
from napari_red.core.chunks import CHUNK
from napari_red.core.feature_store import FeatureStore
from napari_red.core.locate import MovedVideoError, check_same, locate
from napari_red.core.overview import overview_of
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.records import Prediction
from napari_red.core.reviewed import Reviewed
from napari_red.core.session import Session
from napari_red.core.session_pool import PooledBatch, SessionPool
from napari_red.core.sessions import Sessions
from napari_red.core.video_list import standings
from napari_red.core.video_rows import described
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import open_video


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p.red") as project:
        yield project


@pytest.fixture
def video(video_path):
    with open_video(video_path) as video:
        yield video


def test_a_window_sees_at_once_what_a_job_finds(project, video, make_aligner):
    pool = SessionPool(project)
    shown = pool.take(video, shown=True)
    shown.opened()
    told = []
    shown.listeners.append(lambda first, last: told.append((first, last)))
    summary = PooledBatch(pool, lambda *_: make_aligner(), Settings("made")).run()
    assert summary.done == [shown.video_id]
    assert told
    assert shown.view(5).visible.all()
    pool.give_back(shown)


def test_a_session_stays_open_for_a_job_after_the_window_has_left(project, video, make_aligner):
    sessions = Sessions()
    sessions.use(project)
    session = sessions.of(video)
    give_back = sessions.borrow(session)
    assert give_back is not None
    sessions.end(session)
    prealign(session, make_aligner(), Settings("made"))
    assert sessions.of(video) is session
    sessions.end(session)
    give_back()
    assert not sessions.shares(session)


def test_a_video_with_a_project_of_its_own_keeps_it(project, video, make_aligner):
    with Session(video) as own:
        prealign(own, make_aligner(), Settings("made"))
        place = own.project_path
    sessions = Sessions()
    sessions.use(project)
    session = sessions.of(video)
    assert session.project_path == place
    assert project.videos() == []
    sessions.end(session)


def test_the_shown_project_goes_on_with_more_videos(video, make_aligner):
    sessions = Sessions()
    session = sessions.of(video)
    assert sessions.borrow(session) is None
    project = sessions.adopt(session)
    assert sessions.shares(session)
    assert [one.name for one in project.videos()] == ["clip"]
    sessions.end(session)
    assert project.videos()
    sessions.close()


def test_a_moved_video_is_found_below_the_projects_folder_or_asked_for(
    project, video_path, make_video
):
    with open_video(video_path) as video, Session(video, project=project) as session:
        session.opened()
    (record,) = project.videos()
    assert locate(project, record) == video_path
    (project.path.parent / "elsewhere").mkdir()
    moved = video_path.rename(project.path.parent / "elsewhere" / "clip.mp4")
    assert locate(project, record) == moved
    check_same(moved, record)
    other = make_video(project.path.parent / "other.mp4", n_frames=12)
    with pytest.raises(MovedVideoError, match="another video"):
        check_same(other, record)
    moved.unlink()
    with pytest.raises(MovedVideoError, match="say where it is now"):
        locate(project, project.video(record.id))


def test_the_list_counts_frames_and_names_people(project, video, make_aligner):
    with Session(video, project=project) as session:
        prealign(session, make_aligner(), Settings("made", faces=2))
        session.move(3, 0, {1: (1.0, 1.0)})
        session.move(3, 1, {1: (1.0, 1.0)})
        edits.accept(session, 4, [0])
        edits.accept(session, 5)
    (standing,) = standings(project)
    assert (standing.reviewed, standing.faces) == (Reviewed(1, 1, 22), 2)


def test_the_overview_says_what_is_where(project, video, make_aligner):
    store = FeatureStore(project)
    with Session(video, project=project) as session:
        assert overview_of(session, store, 24)() is None
        prealign(session, make_aligner(lost={(10, 0)}), Settings("made"))
        session.move(3, 0, {1: (1.0, 1.0)})
        edits.accept(session, 5)
        overview = overview_of(session, store, 24)()
    assert overview.seen == (23,)
    assert [overview.frame_of(overview.column_of(frame)) for frame in range(24)] == list(range(24))
    assert np.flatnonzero(overview.columns.lost).tolist() == [10]
    assert np.flatnonzero(overview.columns.corrected).tolist() == [3]
    assert overview.words(10) == "Frame 11: no face"
    assert "corrected" in overview.words(3)


def test_frames_that_arent_worked_on_are_neither_left_nor_lost(project, video, make_aligner):
    add_videos(project, [video.path], start=2, stop=12, stride=2)
    with Session(video, project=project) as session:
        assert session.wanted == range(2, 12, 2)
        prealign(session, make_aligner(), Settings("made"))
        edits.accept_up_to(session, 5)
        session.move(6, 0, {1: (1.0, 1.0)})
        session.move(7, 0, {1: (1.0, 1.0)})
        assert edits.counts(session) == Reviewed(2, 1, 2)
        overview = overview_of(session, FeatureStore(project), 24)()
    (standing,) = standings(project)
    assert standing.reviewed == Reviewed(2, 1, 2)
    assert np.flatnonzero(overview.columns.worked).tolist() == [2, 4, 6, 8, 10]
    assert np.flatnonzero(overview.columns.accepted).tolist() == [2, 4, 6]
    assert not overview.columns.lost.any()
    assert overview.words(12) == "Frame 13: not worked on"


def test_a_column_of_the_strip_leads_to_a_frame_that_is_worked_on(tmp_path, made_truth):
    (tmp_path / "long.bin").write_bytes(b"long")
    video = BlankVideo(tmp_path / "long.bin", 1500)
    with Project(tmp_path / "long.red") as project:
        add = project.add_video(video.path, video_fingerprint(video.path), **described(video))
        project.database.write(
            lambda db: db.execute(
                "UPDATE videos SET start = 100, stop = 1200, stride = 10 WHERE id = ?", (add.id,)
            )
        )
        with Session(video, project=project) as session:
            run = session.start_run("made", "cpu")
            lit = np.full(68, 0.5, np.float32)
            session.store(run, [(0, Prediction(f, made_truth(0), lit)) for f in session.wanted])
            overview = overview_of(session, FeatureStore(project), 522)()
            lit = np.flatnonzero(overview.columns.worked)
            assert [overview.frame_of(column) for column in lit] == list(session.wanted)
            assert overview.frame_of(0) == 0
            assert overview.frame_of(521) == 521 * 1500 // 522
            assert all("confidence 0.50" in overview.words(column) for column in lit)


def test_a_million_frames_are_read_in_parts_and_shown(tmp_path, made_truth):
    (tmp_path / "long.bin").write_bytes(b"long")
    video = BlankVideo(tmp_path / "long.bin", 1_000_000)
    with Project(tmp_path / "long.red") as project, Session(video, project=project) as session:
        run = session.start_run("made", "cpu")
        rows = [
            (0, Prediction(frame, made_truth(0), np.full(68, 0.5, np.float32)))
            for start in (0, 500_000, 999_936)
            for frame in range(start, min(start + CHUNK, 1_000_000))
        ]
        session.store(run, rows)
        overview = overview_of(session, FeatureStore(project), 900)()
    assert overview.seen == (2 * CHUNK + 64,)
    assert np.isfinite(overview.columns.confidence[[0, 450, 899]]).all()
    assert np.isnan(overview.columns.confidence[200])
