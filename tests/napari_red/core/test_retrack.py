"""Re-tracking: what is proposed, what is kept, what a person's work is worth."""

import numpy as np
import pytest

from napari_red.core import edits, track_edits
from napari_red.core.add_videos import add_videos
from napari_red.core.blend import smoothstep
from napari_red.core.edits import EditError
from napari_red.core.jobs import StopWork
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.proposal import face_of, keep
from napari_red.core.retrack import next_held, propose
from napari_red.core.session import Session
from trainer.carry import Carried
from trainer.data.video import open_video

N = 60


@pytest.fixture
def session(tmp_path, make_video):
    path = make_video(tmp_path / "long.mp4", N)
    with open_video(path) as video, Session(video) as session:
        yield session


def put(session, frame, landmarks, face=0):
    """Correct every landmark of a frame."""
    session.move(frame, face, {i: (float(x), float(y)) for i, (x, y) in enumerate(landmarks)})


def landmarks(session, face=0):
    return np.stack([session.track(face).merged(frame) for frame in range(N)])


def steps(session, made_truth):
    """How far the farthest landmark is moved from one frame to the next, but for the face's
    own way."""
    truth = np.stack([made_truth(frame) for frame in range(N)])
    return np.linalg.norm(np.diff(landmarks(session) - truth, axis=0), axis=-1).max(axis=1)


@pytest.fixture
def wrong(session, make_aligner):
    """A session whose predictions are all 6 pixels off, and an aligner that knows better."""
    prealign(session, make_aligner(offset=6), Settings("made", faces=1))
    return session, make_aligner()


def test_frames_where_nothing_was_are_new_up_to_the_end(session, make_aligner, made_truth):
    prealign(session, make_aligner(), Settings("made", start=20, stop=21))
    proposal = propose(session, make_aligner(), 20, 0, "forward")
    assert [one.frame for one in proposal.frames] == list(range(21, N))
    assert proposal.counts == {"new": 39, "changed": 0, "same": 0, "in conflict": 0}
    assert proposal.words == "39 new; forward to frame 60: the end of the video"
    assert not session.view(21).visible.any(), "nothing is written yet"
    keep(session, proposal)
    np.testing.assert_allclose(session.track(0).merged(40), made_truth(40), atol=0.02)
    assert session.track(0).predicted(40) is not None


def test_the_corrected_frame_enters_as_it_is_and_stays(wrong, made_truth):
    session, aligner = wrong
    put(session, 20, made_truth(20))
    keep(session, propose(session, aligner, 20, 0, "both"))
    assert [call["frame"] for call in aligner.calls] == [20, 20]
    assert [call["stop"] for call in aligner.calls] == [-1, N]
    np.testing.assert_array_equal(aligner.calls[0]["landmarks"], made_truth(20))
    np.testing.assert_array_equal(session.track(0).merged(20), made_truth(20))
    for frame in (0, 19, 21, N - 1):
        np.testing.assert_allclose(session.track(0).merged(frame), made_truth(frame), atol=0.02)


def test_it_stops_where_it_agrees_with_what_was_there_without_a_jump(
    session, make_aligner, made_truth
):
    prealign(session, make_aligner(), Settings("made"))
    prealign(session, make_aligner(offset=9), Settings("made", start=10, stop=30))
    put(session, 15, made_truth(15))
    proposal = propose(session, make_aligner(offset=0.5), 15, 0, "forward")
    assert proposal.frames[-1].frame == 40
    assert "there it agrees with what was there" in proposal.words
    keep(session, proposal)
    assert steps(session, made_truth)[15:].max() < 0.5
    np.testing.assert_array_equal(session.track(0).merged(41), made_truth(41))


def test_a_correction_that_the_network_does_not_see_fades_instead_of_jumping(
    session, make_aligner, made_truth
):
    prealign(session, make_aligner(), Settings("made"))
    put(session, 30, made_truth(30) + [8, 0])
    assert steps(session, made_truth).max() == pytest.approx(8)
    keep(session, propose(session, make_aligner(), 30, 0, "both"))
    assert steps(session, made_truth).max() < 8 / 16
    np.testing.assert_array_equal(session.track(0).merged(30), made_truth(30) + [8, 0])


@pytest.mark.parametrize("believing", [True, False])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_two_corrected_frames_blend_and_neither_end_jumps(
    wrong, make_aligner, made_truth, believing, direction
):
    session, _ = wrong
    put(session, 10, made_truth(10) + [0, -5])
    put(session, 40, made_truth(40) + [0, 5])
    aligner = make_aligner(believing=believing)
    start = 10 if direction == "forward" else 40
    proposal = propose(session, aligner, start, 0, direction)
    assert [one.frame for one in proposal.frames if one.kind == "changed"] == list(range(11, 40))
    keep(session, proposal)
    assert steps(session, made_truth)[10:40].max() < 1
    for frame, dy in ((10, -5), (40, 5)):
        np.testing.assert_array_equal(session.track(0).merged(frame), made_truth(frame) + [0, dy])
    if believing:
        middle = session.track(0).merged(25)
        np.testing.assert_allclose(middle, made_truth(25), atol=0.02)
    np.testing.assert_array_equal(session.track(0).merged(9), made_truth(9) + 6)


def test_a_corrected_frame_it_disagrees_with_is_in_conflict_and_never_replaced(wrong, made_truth):
    session, aligner = wrong
    put(session, 10, made_truth(10))
    put(session, 20, made_truth(20) + 7)
    proposal = propose(session, aligner, 10, 0, "forward")
    assert [one.frame for one in proposal.frames if one.kind == "in conflict"] == [20]
    keep(session, proposal)
    np.testing.assert_array_equal(session.track(0).merged(20), made_truth(20) + 7)
    assert session.track(0).run(20) == 1


def test_an_accepted_frame_is_an_end_too(wrong, made_truth):
    session, aligner = wrong
    put(session, 10, made_truth(10))
    edits.accept(session, 25)
    proposal = propose(session, aligner, 10, 0, "forward")
    assert max(one.frame for one in proposal.frames) == 25
    assert "a person corrected or accepted" in proposal.words
    keep(session, proposal)
    np.testing.assert_array_equal(session.track(0).merged(25), made_truth(25) + 6)
    np.testing.assert_array_equal(session.track(0).merged(26), made_truth(26) + 6)


def test_what_a_person_did_meanwhile_is_not_replaced(wrong, made_truth):
    session, aligner = wrong
    put(session, 10, made_truth(10))
    proposal = propose(session, aligner, 10, 0, "forward")
    edits.accept(session, 12)
    put(session, 14, made_truth(14) + 3)
    keep(session, proposal)
    np.testing.assert_array_equal(session.track(0).merged(12), made_truth(12) + 6)
    np.testing.assert_array_equal(session.track(0).merged(14), made_truth(14) + 3)
    np.testing.assert_allclose(session.track(0).merged(13), made_truth(13), atol=0.02)


def test_one_undo_drops_all_of_it_and_redo_brings_it_back(wrong, made_truth):
    session, aligner = wrong
    put(session, 30, made_truth(30))
    before = landmarks(session)
    keep(session, propose(session, aligner, 30, 0, "both", model="red-lite"))
    after = landmarks(session)
    project, video = session.opened()
    assert project.steps(video.id)[-1].label == "re-track both ways from frame 31"
    assert "red-lite, re-tracked" in project.run_models(video.id).values()
    session.undo()
    np.testing.assert_array_equal(landmarks(session), before)
    session.redo()
    np.testing.assert_array_equal(landmarks(session), after)


def test_it_ends_where_the_face_is_lost_and_leaves_the_rest(wrong, make_aligner, made_truth):
    session, _ = wrong
    put(session, 10, made_truth(10))
    proposal = propose(session, make_aligner(lost={(30, 0)}), 10, 0, "forward")
    assert proposal.frames[-1].frame == 29
    assert "there the face is lost" in proposal.words
    keep(session, proposal)
    np.testing.assert_array_equal(session.track(0).merged(30), made_truth(30) + 6)


def test_between_two_frames_each_side_fills_what_the_other_lost(wrong, make_aligner, made_truth):
    session, _ = wrong
    put(session, 10, made_truth(10))
    put(session, 40, made_truth(40))
    keep(session, propose(session, make_aligner(lost={(20, 0)}), 10, 0, "forward"))
    for frame in [*range(11, 20), *range(21, 40)]:
        np.testing.assert_allclose(session.track(0).merged(frame), made_truth(frame), atol=0.02)
    np.testing.assert_array_equal(session.track(0).merged(20), made_truth(20) + 6)


def test_it_does_not_run_on_along_another_face(session, make_aligner, made_truth):
    prealign(session, make_aligner(), Settings("made", faces=2))
    put(session, 10, made_truth(10) + 4)
    put(session, 30, made_truth(30), face=1)
    aligner = make_aligner(believing=True)
    proposal = propose(session, aligner, 10, 0, "forward")
    assert proposal.frames[-1].frame == 29
    assert "there it meets another face" in proposal.words
    put(session, 10, made_truth(10, 1))
    proposal = propose(session, aligner, 10, 0, "forward")
    assert proposal.frames[-1].frame == N - 1, "both were on it already"


def test_only_the_face_that_was_asked_for_changes(session, make_aligner, made_truth):
    prealign(session, make_aligner(offset=4), Settings("made", faces=2))
    put(session, 10, made_truth(10, 1), face=1)
    keep(session, propose(session, make_aligner(), 10, 1, "both"))
    np.testing.assert_allclose(session.track(1).merged(30), made_truth(30, 1), atol=0.02)
    np.testing.assert_array_equal(session.track(0).merged(30), made_truth(30) + 4)


@pytest.fixture
def waiting(session, make_aligner, made_truth):
    """A session with two faces, and a proposal for the second one from frame 11 on."""
    prealign(session, make_aligner(offset=6), Settings("made", faces=2))
    put(session, 10, made_truth(10, 1), face=1)
    return session, propose(session, make_aligner(), 10, 1, "forward")


def test_it_is_kept_for_the_face_it_was_made_for_whatever_number_that_has_now(waiting, made_truth):
    session, proposal = waiting
    track_edits.delete_track(session, 0)
    assert face_of(session, proposal) == 0
    session.move(30, 0, {8: (1.0, 2.0)})
    keep(session, proposal)
    np.testing.assert_allclose(session.track(0).merged(20), made_truth(20, 1), atol=0.02)
    np.testing.assert_array_equal(session.track(0).merged(30)[8], (1, 2))


@pytest.mark.parametrize("frame", [0, 10, 20])
def test_it_is_not_kept_where_the_face_is_another_one_now(waiting, frame):
    session, proposal = waiting
    track_edits.swap_tracks(session, 0, 1, frame)
    before = landmarks(session), landmarks(session, 1)
    with pytest.raises(EditError, match=r"frame 11: .* re-track again"):
        keep(session, proposal)
    for face in (0, 1):
        np.testing.assert_array_equal(landmarks(session, face), before[face])
    session.undo()
    assert face_of(session, proposal) == 1, "swapped back, it is what it was"


def test_it_is_not_kept_for_a_face_that_is_gone_merged_or_split(waiting, made_truth):
    session, proposal = waiting
    for change in (
        lambda: track_edits.delete_track(session, 1),
        lambda: track_edits.merge_tracks(session, 0, 1),
        lambda: track_edits.split_track(session, 1, 30),
    ):
        change()
        with pytest.raises(EditError, match="dropped"):
            keep(session, proposal)
        session.undo()
        assert face_of(session, proposal) == 1


def test_a_face_of_which_not_all_is_labelled_may_be_corrected_while_it_waits(
    session, make_aligner, made_truth
):
    track_edits.add_track(session)
    put(session, 10, made_truth(10)[:60])
    proposal = propose(session, make_aligner(), 10, 0, "forward")
    assert proposal.frames
    assert np.isnan(proposal.told[60:]).all()
    session.move(10, 0, {8: tuple(made_truth(10)[8] + 2)})
    assert keep(session, proposal) is not None


def test_frames_that_did_not_change_need_no_look(waiting):
    session, proposal = waiting
    track_edits.swap_tracks(session, 0, 1, 40)
    assert face_of(session, proposal, (0, 39)) == 1
    with pytest.raises(EditError, match="changed in frame 41 meanwhile"):
        face_of(session, proposal, (40, N - 1))


def test_what_was_predicted_anew_meanwhile_stays(waiting, make_aligner):
    session, proposal = waiting
    prealign(session, make_aligner(offset=-9), Settings("made", faces=2, start=25, stop=30))
    with pytest.raises(EditError, match="changed in frame 26 meanwhile"):
        keep(session, proposal)


def test_a_face_without_landmarks_there_cannot_be_followed(session, make_aligner):
    prealign(session, make_aligner(lost={(5, 0)}), Settings("made"))
    with pytest.raises(EditError, match="frame 6: face 1 has no landmarks there"):
        propose(session, make_aligner(), 5, 0, "forward")
    session.hide(7, 0, range(68))
    with pytest.raises(EditError, match="frame 8"):
        propose(session, make_aligner(), 7, 0, "forward")


def test_it_can_be_stopped_and_nothing_is_written(wrong, made_truth):
    session, aligner = wrong
    put(session, 10, made_truth(10))
    before, asked = landmarks(session), iter(range(100))
    with pytest.raises(StopWork):
        propose(session, aligner, 10, 0, "both", should_stop=lambda: next(asked) == 5)
    np.testing.assert_array_equal(landmarks(session), before)


def test_the_next_held_frame_is_found_over_blocks_of_marks(session, make_aligner):
    prealign(session, make_aligner(), Settings("made"))
    track = session.track(0)
    every = range(N)
    assert next_held(track, 30, N - 1, every) is None
    edits.accept_up_to(session, 12)
    edits.accept(session, 50)
    session.move(40, 0, {0: (1.0, 1.0)})
    assert [next_held(track, 30, end, every) for end in (N - 1, 0)] == [40, 12]
    assert next_held(track, 40, N - 1, every) == 50
    assert next_held(track, 5, N - 1, every) == 6
    assert next_held(track, 30, 39, every) is None
    assert next_held(track, 30, 0, range(1, N, 2)) == 11


def test_smoothstep_is_flat_at_both_ends():
    assert [smoothstep(x) for x in (-1, 0, 0.5, 1, 2)] == [0, 0, 0.5, 1, 1]
    assert smoothstep(0.01) < 0.001


def test_what_is_carried_turns_and_grows_with_the_face(made_truth):
    seen, offset = made_truth(0), np.array([3, 0], np.float32)
    carried = Carried(seen + offset, seen)
    centre = seen.mean(axis=0)
    turned = ((seen - centre) * 2) @ np.array([[0, 1], [-1, 0]], np.float32) + centre
    moved = carried.onto(turned.astype(np.float32), 1) - turned
    np.testing.assert_allclose(moved, np.tile((0, 6), (68, 1)), atol=1e-3)


@pytest.fixture
def part(tmp_path, make_video, make_aligner):
    """Gives a session in which only a part is worked on and its predictions are 6 pixels off:
    ``part(start, stop, stride)``."""
    path = make_video(tmp_path / "long.mp4", N)
    project = Project(tmp_path / "part.red")
    opened = []

    def make(start, stop, stride):
        add_videos(project, [path], start=start, stop=stop, stride=stride)
        video = open_video(path)
        session = Session(video, project=project)
        opened.extend([session, video])
        prealign(session, make_aligner(offset=6), Settings("made", start=start, stop=stop))
        return session

    yield make
    for one in (*opened, project):
        one.close()


@pytest.mark.parametrize("stride", [1, 3])
def test_it_stays_within_the_part_that_is_worked_on(part, make_aligner, made_truth, stride):
    session = part(5, 40, stride)
    put(session, 20, made_truth(20))
    aligner = make_aligner()
    proposal = propose(session, aligner, 20, 0, "both")
    others = [frame for frame in session.wanted if frame != 20]
    assert [one.frame for one in proposal.frames] == others
    first, last = session.wanted[0], session.wanted[-1]
    assert [call["stop"] for call in aligner.calls] == [first - 1, last + 1]
    assert proposal.words == (
        f"{len(others)} changed; backward to frame {first + 1}: the end of the part that is "
        f"worked on; forward to frame {last + 1}: the end of the part that is worked on"
    )
    keep(session, proposal)
    placed = np.isfinite(landmarks(session)).all(axis=(1, 2))
    assert np.flatnonzero(placed).tolist() == list(session.wanted)
    np.testing.assert_allclose(session.track(0).merged(last), made_truth(last), atol=0.02)


def test_frames_that_are_left_out_do_not_keep_it_from_agreeing(part, make_aligner, made_truth):
    session = part(0, N, 3)
    put(session, 3, made_truth(3))
    counted = []
    proposal = propose(session, make_aligner(offset=6), 3, 0, "forward", counted.append)
    assert proposal.frames[-1].frame == 30
    assert proposal.words.endswith("forward to frame 31: there it agrees with what was there")
    assert counted[-1].done == len(proposal.frames) == 9


@pytest.mark.parametrize("far", [27, 31, 32])
def test_a_person_s_frame_holds_it_whether_worked_on_or_not(part, make_aligner, made_truth, far):
    session = part(0, N, 3)
    put(session, 9, made_truth(9))
    put(session, far, made_truth(far))
    edits.accept(session, 13)
    proposal = propose(session, make_aligner(), 9, 0, "forward")
    assert [one.frame for one in proposal.frames] == list(range(12, far, 3))
    assert f"to frame {far + 1}: there a person" in proposal.words
    assert proposal.counts["in conflict"] == 0


def test_from_outside_the_part_it_goes_towards_it_only(part, make_aligner, made_truth):
    session = part(20, 30, 1)
    put(session, 10, made_truth(10))
    put(session, 40, made_truth(40))
    assert propose(session, make_aligner(), 10, 0, "both").words == (
        "10 changed; backward there is no frame that is worked on; "
        "forward to frame 30: the end of the part that is worked on"
    )
    aligner = make_aligner()
    proposal = propose(session, aligner, 40, 0, "forward")
    assert proposal.words == "nothing to re-track; forward there is no frame that is worked on"
    assert not aligner.calls
    assert keep(session, proposal) is None
