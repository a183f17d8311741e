from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_red.core import edits
from napari_red.core import prealign as prealign_module
from napari_red.core.jobs import Cancelled, Failed, StopWork, run
from napari_red.core.model_store import add_model
from napari_red.core.prealign import Settings, prealign
from napari_red.core.session import Session
from trainer.checkpoint import save_tensors
from trainer.data.video import open_video
from trainer.errors import RedError
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


@pytest.fixture
def part(session):
    """Every fifth frame from 5 to 20 is worked on: frames 5, 10, 15 and 20."""
    project, video = session.opened()
    project.set_video(video.id, start=4, stop=23, stride=5)
    return session


@pytest.mark.parametrize("frame", [0, 3, 20, 23])
def test_a_box_outside_the_part_is_refused_before_anything_is_changed(part, make_aligner, frame):
    aligner = make_aligner()
    settings = Settings("made", boxes=(FaceBox(1, 2, 3, 4),), box_frame=frame)
    with pytest.raises(RedError, match=rf"in frame {frame + 1}, .* a frame from 5 to 20"):
        prealign(part, aligner, settings)
    project, video = part.opened()
    assert project.video(video.id).state == "new"
    assert project.run_models(video.id) == {}
    assert aligner.calls == []


def test_a_box_between_two_frames_that_are_kept_is_followed_both_ways(
    part, make_aligner, made_truth
):
    aligner = make_aligner()
    prealign(part, aligner, Settings("made", boxes=(FaceBox(1, 2, 3, 4),), box_frame=11))
    first, second = aligner.calls
    assert (first["start"], first["stop"]) == (11, 12)
    np.testing.assert_array_equal(second["corrections"][11, 0], made_truth(11))
    assert [frame for frame in range(24) if part.view(frame).visible.all()] == [4, 9, 14, 19]


@pytest.mark.parametrize(
    ("accepted", "frame", "said"),
    [
        (79, 40, "draw it in frame 11"),
        (79, 60, "draw it in a frame from 81 to 100"),
        (99, 40, "nothing to annotate"),
    ],
)
def test_a_box_among_frames_that_are_settled_is_refused(
    tmp_path, make_video, make_aligner, accepted, frame, said
):
    path = make_video(tmp_path / "long.mp4", 100)
    with open_video(path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made"))
        edits.accept_up_to(session, accepted)
        if accepted == 79:
            edits.unaccept(session, 10)
        settings = Settings("made", boxes=(FaceBox(1, 2, 3, 4),), box_frame=frame)
        with pytest.raises(RedError, match=f"in frame {frame + 1}, .*{said}"):
            prealign(session, make_aligner(), settings)


@pytest.mark.parametrize("frame", [0, 10])
def test_a_box_that_a_settled_face_would_go_before_is_refused(
    session, make_aligner, made_truth, frame
):
    prealign(session, make_aligner(), Settings("made"))
    edits.accept(session, frame)
    elsewhere = Settings("made", boxes=(FaceBox(0, 0, 9, 9),), box_frame=frame)
    with pytest.raises(RedError, match=f"in frame {frame + 1} isn't round face 1"):
        prealign(session, make_aligner(), elsewhere)
    there = FaceBox.around(session.view(frame).landmarks[0])
    prealign(session, make_aligner(offset=1), replace(elsewhere, boxes=(there,)))
    np.testing.assert_array_equal(session.view(20).landmarks[0], made_truth(20) + 1)


def test_only_part_of_a_video_can_be_asked_for(session, make_aligner):
    prealign(session, make_aligner(), Settings("made", start=4, stop=8))
    found = [f for f in range(24) if session.view(f).visible.any()]
    assert found == [4, 5, 6, 7]


def test_stop_work_is_not_swallowed(session, make_aligner):
    with pytest.raises(StopWork):
        prealign(session, make_aligner(), Settings("made"), should_stop=lambda: True)


def test_how_far_the_models_answers_disagree_is_kept(session, make_aligner):
    prealign(session, make_aligner(), Settings("made"))
    assert session.track(0).chunk(0).disagreement[:24] == pytest.approx(0.01, abs=1e-4)


def test_accepted_frames_enter_the_aligner_and_stay(session, make_aligner, made_truth):
    prealign(session, make_aligner(offset=3), Settings("made"))
    edits.accept(session, 5)
    aligner = make_aligner()
    prealign(session, aligner, Settings("made"))
    np.testing.assert_array_equal(aligner.calls[0]["corrections"][5, 0], made_truth(5) + 3)
    np.testing.assert_array_equal(session.track(0).merged(5), made_truth(5) + 3)
    np.testing.assert_array_equal(session.track(0).merged(6), made_truth(6))


def test_of_a_stride_every_nth_frame_is_kept_and_all_are_seen(session, make_aligner):
    project, video = session.opened()
    project.set_video(video.id, start=4, stop=20, stride=5)
    aligner, seen = make_aligner(), []
    summary = prealign(session, aligner, Settings("made"), seen.append)
    assert [f for f in range(24) if session.view(f).visible.any()] == [4, 9, 14, 19]
    assert (aligner.calls[0]["start"], aligner.calls[0]["stop"]) == (4, 20)
    assert (summary.frames, seen[-1].total) == (4, 4)


def stopped_after(session, aligner, frame, settings):
    asked = iter(range(1000))
    with pytest.raises(StopWork):
        prealign(session, aligner, settings, should_stop=lambda: next(asked) == frame)


def test_a_run_that_was_cut_off_goes_on_after_some_warm_up(session, make_aligner, made_truth):
    stopped_after(session, make_aligner(offset=2), 15, Settings("made"))
    aligner = make_aligner()
    summary = prealign(session, aligner, Settings("made", resume=True))
    (call,) = aligner.calls
    assert (call["start"], call["stop"]) == (6, 24)
    np.testing.assert_array_equal(call["initial"][0], made_truth(5) + 2)
    assert summary.frames == 8
    np.testing.assert_array_equal(session.track(0).merged(15), made_truth(15) + 2)
    np.testing.assert_array_equal(session.track(0).merged(16), made_truth(16))
    project, video = session.opened()
    assert project.run_models(video.id) == {1: "made"}, "it is one run"


def test_a_finished_run_or_one_of_another_model_is_not_gone_on_with(session, make_aligner):
    stopped_after(session, make_aligner(), 15, Settings("made"))
    other = make_aligner()
    assert prealign(session, other, Settings("other", resume=True)).frames == 24
    again = make_aligner()
    assert prealign(session, again, Settings("other", resume=True)).frames == 24


def test_what_an_earlier_model_of_the_same_name_began_is_not_gone_on_with(
    session, make_aligner, tmp_path
):
    stopped_after(session, make_aligner(), 15, Settings("model 1"))
    project, video = session.opened()
    save_tensors(tmp_path / "m.safetensors", {"w": torch.ones(3)}, {"network": {}})
    version = add_model(project, tmp_path / "m.safetensors")
    project.database.write(  # as earlier versions called it
        lambda db: db.execute("UPDATE models SET name = 'model 1' WHERE id = ?", (version.id,))
    )
    settings = Settings("model 1", resume=True)
    stopped_after(session, make_aligner(), 15, settings)
    assert project.run_models(video.id) == {1: "model 1", 2: "model 1"}
    assert prealign(session, make_aligner(), settings).frames == 8
    assert project.run_models(video.id) == {1: "model 1", 2: "model 1"}


def test_going_on_keeps_to_the_stride(session, make_aligner):
    project, video = session.opened()
    project.set_video(video.id, stride=4)
    stopped_after(session, make_aligner(), 17, Settings("made"))
    aligner = make_aligner()
    prealign(session, aligner, Settings("made", resume=True))
    assert [f for f in range(24) if session.view(f).visible.any()] == [0, 4, 8, 12, 16, 20]
    assert aligner.calls[0]["start"] == 9, "after a frame that was kept"


def test_only_frames_without_a_face_can_be_asked_for(session, make_aligner, made_truth):
    prealign(session, make_aligner(lost={(3, 0), (4, 0)}, offset=2), Settings("made"))
    aligner = make_aligner()
    prealign(session, aligner, Settings("made", only_missing=True))
    assert (aligner.calls[0]["start"], aligner.calls[0]["stop"]) == (0, 5)
    np.testing.assert_array_equal(session.track(0).merged(4), made_truth(4))
    np.testing.assert_array_equal(session.track(0).merged(2), made_truth(2) + 2)


def test_long_stretches_that_a_person_settled_are_not_aligned_again(
    tmp_path, make_video, make_aligner, made_truth
):
    path = make_video(tmp_path / "long.mp4", 100)
    with open_video(path) as video, Session(video) as session:
        prealign(session, make_aligner(offset=1), Settings("made"))
        edits.accept_up_to(session, 79)
        edits.unaccept(session, 10)
        aligner = make_aligner()
        summary = prealign(session, aligner, Settings("made"))
        spans = [(call["start"], call["stop"]) for call in aligner.calls]
        assert spans == [(0, 12), (70, 100)]
        assert set(aligner.calls[0]["corrections"]) == {(f, 0) for f in [*range(10), 11]}
        np.testing.assert_array_equal(aligner.calls[1]["initial"][0], made_truth(69) + 1)
        assert summary.frames == 1 + 20
        np.testing.assert_array_equal(session.track(0).merged(10), made_truth(10))


@pytest.mark.parametrize(
    ("options", "stop_at", "state"),
    [({}, 99, "done"), ({}, 9, "waiting"), ({"fail_at": 7}, 99, "failed")],
)
def test_the_project_knows_how_a_video_stands(session, make_aligner, options, stop_at, state):
    asked = iter(range(1000))
    run(
        lambda report, stop: prealign(
            session, make_aligner(**options), Settings("made"), report, stop
        ),
        should_stop=lambda: next(asked) == stop_at,
    )
    project, video = session.opened()
    record = project.video(video.id)
    assert record.state == state
    assert record.message == ("the aligner broke" if state == "failed" else "")
