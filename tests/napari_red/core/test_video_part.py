"""Another part of a video that is in the project already."""

import numpy as np
import pytest

from napari_red.core import edits
from napari_red.core.add_videos import AddVideoError, add_videos
from napari_red.core.batch import Batch
from napari_red.core.jobs import StopWork
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.session import Session
from napari_red.core.session_pool import SessionPool
from trainer.data.video import open_video


@pytest.fixture
def project(tmp_path, video_path):
    with Project(tmp_path / "p.red") as project:
        add_videos(project, [video_path], start=2, stop=10, stride=3)
        yield project


@pytest.fixture
def session(project, video_path):
    with open_video(video_path) as video, Session(video, project=project) as session:
        yield session


def annotate(project, aligner):
    Batch(project, lambda *_: aligner, Settings("made")).run()


def found_in(session):
    return [frame for frame in range(24) if session.view(frame).visible.all()]


def test_another_part_is_what_is_worked_on_and_the_video_waits_for_it(
    project, session, video_path, make_aligner, made_truth
):
    annotate(project, make_aligner(offset=1))
    session.reload()
    session.move(2, 0, {30: (1.0, 2.0)})
    session.move(8, 0, {30: (3.0, 4.0)})
    edits.accept(session, 5)
    added = add_videos(project, [video_path], start=8, stop=14)
    (part,) = added.parts
    assert (added.new, added.known, added.failed) == ([], [], [])
    assert part.words == ("clip: frames 9 to 14 are worked on from now on, 3 to 10 every 3 before")
    (video,) = project.videos()
    assert (video.wanted_frames, video.state) == (range(8, 14), "waiting")
    annotate(project, make_aligner())
    session.reload()
    assert project.videos()[0].state == "done"
    assert found_in(session) == [2, 5, *range(8, 14)]
    assert session.corrected_frames() == [(2, 0), (8, 0)]
    assert session.view(2).landmarks[0, 30].tolist() == [1, 2]
    assert session.view(8).landmarks[0, 30].tolist() == [3, 4]
    np.testing.assert_array_equal(session.track(0).predicted(2), made_truth(2) + 1)
    np.testing.assert_array_equal(session.view(5).landmarks[0], made_truth(5) + 1)
    assert session.track(0).accepted.as_array(24)[5]


@pytest.mark.parametrize("part", [{}, {"start": 2, "stop": 9, "stride": 3}])
def test_no_part_or_the_same_changes_nothing(project, video_path, make_aligner, part):
    annotate(project, make_aligner())
    added = add_videos(project, [video_path], **part)
    assert (len(added.known), added.parts) == (1, [])
    (video,) = project.videos()
    assert (video.wanted_frames, video.state) == (range(2, 10, 3), "done")


def test_a_part_beyond_the_end_is_refused_and_the_earlier_one_stays(project, video_path):
    added = add_videos(project, [video_path], start=30)
    assert "has 24 frames, the first one asked for is 31" in added.failed[0][1]
    assert project.videos()[0].wanted_frames == range(2, 10, 3)
    with pytest.raises(AddVideoError):
        add_videos(project, [video_path], start=5, stop=3)


def test_a_video_that_was_never_annotated_is_still_new(project, video_path):
    add_videos(project, [video_path], start=8)
    assert project.videos()[0].state == "new"


def test_a_run_cut_off_in_an_earlier_part_is_not_gone_on_with(
    project, session, video_path, make_aligner
):
    add_videos(project, [video_path], start=12)
    stops = iter([False] * 5 + [True])
    with pytest.raises(StopWork):
        prealign(session, make_aligner(), Settings("made"), should_stop=lambda: next(stops))
    add_videos(project, [video_path], start=2, stop=6)
    annotate(project, make_aligner())
    session.reload()
    assert set(range(2, 6)) <= set(found_in(session))


@pytest.mark.parametrize("stopped", [False, True])
def test_a_part_chosen_while_the_earlier_one_is_annotated_waits(
    project, session, video_path, make_aligner, stopped
):
    add_videos(project, [video_path], start=12)
    asked = iter(range(100))

    def should_stop():
        if next(asked) == 3:
            add_videos(project, [video_path], start=2, stop=6)
            return stopped
        return False

    try:
        prealign(session, make_aligner(), Settings("made"), should_stop=should_stop)
    except StopWork:
        assert stopped
    assert project.videos()[0].state == "waiting"
    annotate(project, make_aligner())
    session.reload()
    assert set(range(2, 6)) <= set(found_in(session))


def test_an_open_session_follows(project, video_path):
    pool = SessionPool(project)
    with open_video(video_path) as video, pool.lent(video) as session:
        assert session.wanted == range(2, 10, 3)
        add_videos(project, [video_path], start=12, stop=20)
        pool.follow_parts()
        assert session.wanted == range(12, 20)
