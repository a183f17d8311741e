import numpy as np
import pytest

from napari_red.core import prealign as prealign_module
from napari_red.core.jobs import Cancelled, Failed, StopWork, run
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.data.video import open_video
from trainer.geometry import FaceBox


@pytest.fixture
def session(video_path):
    with open_video(video_path) as video, Session(video) as session:
        yield session


def test_progress_reaches_the_end_and_the_summary_counts(session, make_aligner):
    seen = []
    summary = prealign(session, make_aligner(lost={(3, 0), (4, 0)}), Settings("made"), seen.append)
    assert (summary.frames, summary.without_face) == (24, 2)
    assert (seen[-1].done, seen[-1].total) == (24, 24)
    assert not session.view(3).visible.any()
    assert session.view(5).visible.all()


def test_points_appear_while_the_work_goes_on(session, make_aligner, monkeypatch):
    monkeypatch.setattr(prealign_module, "FLUSH_FRAMES", 4)
    visible = []
    prealign(
        session,
        make_aligner(),
        Settings("made"),
        lambda p: visible.append((p.done, session.view(p.done - 1).visible.all())),
    )
    assert len(visible) >= 6
    assert all(there for _, there in visible)


def test_what_was_found_stays_when_it_is_cancelled(session, make_aligner):
    asked = iter(range(1000))
    outcome = run(
        lambda report, stop: prealign(session, make_aligner(), Settings("made"), report, stop),
        should_stop=lambda: next(asked) == 9,
    )
    assert outcome == Cancelled()
    assert session.view(9).visible.all()
    assert not session.view(10).visible.any()


def test_what_was_found_stays_when_it_fails(session, make_aligner):
    outcome = run(
        lambda report, stop: prealign(
            session, make_aligner(fail_at=7), Settings("made"), report, stop
        )
    )
    assert isinstance(outcome, Failed)
    assert outcome.message == "the aligner broke"
    assert session.view(6).visible.all()


def test_a_box_in_the_first_frame_is_where_the_aligner_starts(session, make_aligner):
    aligner = make_aligner()
    prealign(session, aligner, Settings("made", boxes=(FaceBox(1, 2, 3, 4),)))
    (call,) = aligner.calls
    assert call["boxes"] == (FaceBox(1, 2, 3, 4),)
    assert call["start"] == 0


def test_a_box_in_the_middle_is_followed_both_ways(session, make_aligner, made_truth):
    aligner = make_aligner()
    prealign(session, aligner, Settings("made", boxes=(FaceBox(1, 2, 3, 4),), box_frame=10))
    first, second = aligner.calls
    assert (first["start"], first["stop"]) == (10, 11)
    assert second["boxes"] is None
    np.testing.assert_array_equal(second["corrections"][10, 0], made_truth(10))
    assert session.view(0).visible.all()
    assert not session.view(10).corrected.any()


def test_only_part_of_a_video_can_be_asked_for(session, make_aligner):
    prealign(session, make_aligner(), Settings("made", start=4, stop=8))
    found = [f for f in range(24) if session.view(f).visible.any()]
    assert found == [4, 5, 6, 7]


def test_stop_work_is_not_swallowed(session, make_aligner):
    with pytest.raises(StopWork):
        prealign(session, make_aligner(), Settings("made"), should_stop=lambda: True)
