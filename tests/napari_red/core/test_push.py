import json

import numpy as np
import pytest

from napari_red.core.add_videos import add_videos
from napari_red.core.edits import accept, accept_up_to
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import Project
from napari_red.core.push import PushError, push
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from napari_red.core.track_edits import (
    add_track,
    delete_track,
    merge_tracks,
    name_identity,
    split_track,
    swap_tracks,
)
from trainer.data.video import open_video
from trainer.held_out import APART
from trainer.pushed_set import ACCEPTED, CORRECTED, PREDICTED, read_pushed_set
from trainer.scheme import IBUG68

KINDS = (ACCEPTED, CORRECTED, PREDICTED)


@pytest.fixture
def session(tmp_path, make_video, make_aligner):
    path = make_video(tmp_path / "talk.mp4", n_frames=40)
    with open_video(path) as video, Session(video) as session:
        prealign(session, make_aligner(), Settings("made", faces=2))
        yield session


def pushed(session, folder, **options):
    project, _ = session.opened()
    summary = push(project, folder, parent="red-lite", **options)
    return summary, read_pushed_set(folder)


def test_corrected_frames_go_with_the_clip_round_them(session, tmp_path, made_truth):
    session.move(20, 0, {30: (50.25, 60.5)})
    name_identity(session, 0, "Ada")
    summary, found = pushed(session, tmp_path / "set")
    frames = {frame.number: frame for frame in found.frames}
    assert frames[20].kind == CORRECTED
    assert frames[20].landmarks()[30].tolist() == pytest.approx([50.25, 60.5], abs=1e-3)
    np.testing.assert_allclose(frames[20].landmarks()[29], made_truth(20)[29], atol=1e-3)
    assert sorted(frames) == list(range(15, 25))
    assert {frames[n].kind for n in frames if n != 20} == {PREDICTED}
    assert {frame.person for frame in found.frames} == {"Ada"}
    assert (summary.kinds[CORRECTED], summary.kinds[PREDICTED]) == (1, 9)
    assert summary.people == ["Ada"]


def test_faces_with_left_and_right_exchanged_are_left_out_with_a_word(session, tmp_path):
    for frame in range(0, 36, 4):
        face = session.view(frame).landmarks[0]
        mirrored = face[list(IBUG68.flip)] if frame < 20 else face + (4, 0)
        session.move(frame, 0, {i: tuple(place) for i, place in enumerate(mirrored)})
    summary, found = pushed(session, tmp_path / "set")
    corrected = [one.number for one in found.frames if one.kind == CORRECTED]
    assert corrected == [20, 24, 28, 32]
    (said,) = summary.notes
    assert "talk, face 1: left and right are exchanged in 5" in said
    assert "(1, 5, 9, 13, 17)" in said


def test_nothing_but_faces_with_left_and_right_exchanged_is_refused(session, tmp_path):
    mirrored = session.view(20).landmarks[0][list(IBUG68.flip)]
    session.move(20, 0, {i: tuple(place) for i, place in enumerate(mirrored)})
    with pytest.raises(PushError, match=r"nothing can be learned .* left and right are exchanged"):
        pushed(session, tmp_path / "set")


def test_the_picture_is_that_of_the_frame(session, tmp_path):
    session.move(20, 0, {30: (50.25, 60.5)})
    _, found = pushed(session, tmp_path / "set")
    for frame in found.frames:
        image = frame.read_image()
        assert image.shape == (120, 160, 3)
        expected = session.video.frame(frame.number).astype(int)
        assert np.abs(image.astype(int) - expected).mean() < 2


def test_accepted_frames_go_as_what_a_person_looked_at(session, tmp_path):
    session.move(2, 0, {30: (50.25, 60.5)})
    accept(session, 33, [1])
    _, found = pushed(session, tmp_path / "set")
    kinds = {(f.video, f.number): f.kind for f in found.frames}
    assert [key[1] for key, kind in kinds.items() if kind == ACCEPTED] == [33]


def test_of_a_part_nothing_is_learned_that_nobody_worked_on(tmp_path, make_video, make_aligner):
    path = make_video(tmp_path / "talk.mp4", n_frames=40)
    with Project(tmp_path / "p.red") as project, open_video(path) as video:
        with Session(video, project=project) as session:
            prealign(session, make_aligner(), Settings("made"))
        project.set_video(1, start=10, stop=30, stride=4)
        with Session(video, project=project) as session:
            session.move(2, 0, {30: (50.25, 60.5)})
            session.move(18, 0, {30: (50.25, 60.5)})
            accept_up_to(session, 39)
            _, found = pushed(session, tmp_path / "set")
    kinds = {kind: [f.number for f in found.frames if f.kind == kind] for kind in KINDS}
    assert kinds[ACCEPTED] == [10, 14, 22, 26]
    assert kinds[CORRECTED] == [2, 18], "what a person corrected is theirs, wherever it is"


def test_as_many_accepted_frames_go_of_a_face_that_is_only_in_some(session, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_red.core.push.ACCEPTED_AT_MOST", 10)
    session.move(2, 0, {30: (50.25, 60.5)})
    accept_up_to(session, 39)
    split_track(session, 0, 30)
    summary, _ = pushed(session, tmp_path / "set")
    assert summary.kinds[ACCEPTED] == 3 * 10


def test_hidden_landmarks_are_marked(session, tmp_path):
    session.hide(20, 0, [3, 4])
    _, found = pushed(session, tmp_path / "set")
    (frame,) = [f for f in found.frames if f.kind == CORRECTED]
    assert np.flatnonzero(~frame.visible).tolist() == [3, 4]


def test_what_is_held_out_stays_so_in_later_rounds_and_is_never_trained_on(session, tmp_path):
    for frame in range(0, 40, 4):
        session.move(frame, 0, {30: (50, 60)})
    first, found = pushed(session, tmp_path / "one")
    held = {f.number for f in found.frames if f.held_out}
    assert held
    assert first.held_out == len(held)
    assert not held & set(next(iter(first.trained.values())))
    for frame in range(1, 40, 4):
        session.move(frame, 1, {30: (50, 60)})
    _, again = pushed(session, tmp_path / "two", trained=first.trained)
    later = {f.number for f in again.frames if f.held_out and "face 1" in f.video}
    assert held <= later


def test_nothing_corrected_says_what_to_do(session, tmp_path):
    with pytest.raises(PushError, match="correct some frames first"):
        pushed(session, tmp_path / "set")


def test_a_set_is_json_that_can_be_looked_at(session, tmp_path):
    session.move(20, 0, {30: (50.25, 60.5)})
    pushed(session, tmp_path / "set")
    header = json.loads((tmp_path / "set" / "set.json").read_text())
    assert header["parent"] == "red-lite"


@pytest.fixture
def two(tmp_path, make_video, make_aligner):
    """A project with a/clip.mp4 and b/clip.mp4, in each five frames corrected."""
    folder = tmp_path / "home"
    for place, n_frames in (("a", 40), ("b", 36)):
        (folder / place).mkdir(parents=True)
        make_video(folder / place / "clip.mp4", n_frames)
    with Project(folder / "p.red") as project:
        added = add_videos(project, [folder])
        for record, x in zip(added.new, (50, 70), strict=True):
            with open_video(record.path) as video, Session(video, project=project) as session:
                prealign(session, make_aligner(), Settings("made"))
                for frame in range(0, 30, 6):
                    session.move(frame, 0, {30: (x, 60)})
        yield project


def test_a_video_in_whose_place_another_lies_is_left_out_and_told(two, tmp_path, make_video):
    make_video(two.path.parent / "a" / "clip.mp4", n_frames=41)
    summary = push(two, tmp_path / "set", parent="red-lite")
    (note,) = summary.notes
    assert "isn't the video any more that was annotated as clip" in note
    assert note.endswith("as a new video. Its frames are left out.")
    found = read_pushed_set(tmp_path / "set")
    assert {f.landmarks()[30][0] for f in found.frames if f.kind == CORRECTED} == {70}


def test_nothing_is_pushed_where_every_video_is_another_now(two, tmp_path, make_video):
    for place in ("a", "b"):
        make_video(two.path.parent / place / "clip.mp4", n_frames=41)
    with pytest.raises(PushError, match="isn't the video any more"):
        push(two, tmp_path / "set", parent="red-lite")
    assert not (tmp_path / "set" / "set.json").exists()


def test_videos_that_were_moved_with_their_project_are_pushed(two, tmp_path):
    two.close()
    two.path.parent.rename(tmp_path / "away")
    with Project(tmp_path / "away" / "p.red") as moved:
        summary = push(moved, tmp_path / "set", parent="red-lite")
    assert not summary.notes
    assert summary.kinds[CORRECTED] == 10


def test_videos_of_one_name_stay_two(two, tmp_path):
    push(two, tmp_path / "set", parent="red-lite")
    found = read_pushed_set(tmp_path / "set")
    assert {f.video for f in found.frames} == {"unnamed clip/clip", "unnamed clip/clip~2"}
    of = {f.landmarks()[30][0]: f.video for f in found.frames if f.kind == CORRECTED}
    assert len(set(of.values())) == 2
    for frame in found.frames:
        place = "a" if frame.video == of[50] else "b"
        with open_video(two.path.parent / place / "clip.mp4") as video:
            expected = video.frame(frame.number).astype(int)
        assert np.abs(frame.read_image().astype(int) - expected).mean() < 2
    for value, video in of.items():
        corrected = [f for f in found.frames if f.video == video and f.kind == CORRECTED]
        assert {f.landmarks()[30][0] for f in corrected} == {value}


def correct(session, face, frames):
    for frame in frames:
        session.move(frame, face, {30: (50, 60)})


def set_aside(session, folder, **options):
    """(track, frame) of what is set aside, and of what is learned, in a new push."""
    project, _ = session.opened()
    before = set(project.database.read("SELECT track_id, frame FROM held_out"))
    summary, found = pushed(session, folder, **options)
    aside = set(project.database.read("SELECT track_id, frame FROM held_out"))
    assert len([f for f in found.frames if f.held_out]) == summary.held_out
    return summary, aside - before


def test_a_new_frame_is_set_aside_after_the_one_that_was_is_reset(session, tmp_path):
    correct(session, 0, range(0, 40, 6))
    _, first = set_aside(session, tmp_path / "one")
    ((_, frame),) = first
    session.reset(frame, 0)
    summary, _ = set_aside(session, tmp_path / "two")
    assert summary.held_out == 1


def test_a_face_that_was_deleted_and_annotated_anew_can_be_improved_on(
    session, tmp_path, made_truth
):
    correct(session, 0, range(0, 40, 3))
    first, aside = set_aside(session, tmp_path / "one")
    delete_track(session, 0)
    new = add_track(session)
    shapes = [(new, Prediction(i, made_truth(i), np.ones(68, "f4"))) for i in range(40)]
    session.store(session.start_run("made", "cpu"), shapes)
    correct(session, new, range(0, 40, 3))
    summary, again = set_aside(session, tmp_path / "two", trained=first.trained)
    assert summary.held_out
    # The track is another one, but a model learned how the face looks in the other frames.
    assert {frame for _, frame in again} == {frame for _, frame in aside}


def test_what_a_model_learned_is_not_set_aside_after_a_merge(session, tmp_path):
    correct(session, 1, range(0, 40, 3))
    first, aside = set_aside(session, tmp_path / "one")
    merge_tracks(session, 0, 1)
    summary, again = set_aside(session, tmp_path / "two", trained=first.trained)
    assert summary.held_out
    assert {frame for _, frame in again} == {frame for _, frame in aside}


def test_what_a_model_learned_is_not_set_aside_after_a_swap(session, tmp_path):
    correct(session, 0, range(0, 40, 3))
    correct(session, 1, range(0, 40, 3))
    one, other = (session.track(face).record.id for face in (0, 1))
    first, before = pushed(session, tmp_path / "one")
    swap_tracks(session, 0, 1, 0)
    _, found = pushed(session, tmp_path / "two", trained=first.trained)
    learned = {("face 1", f) for f in first.taught[other]}  # what face 2 was is face 1 now
    learned |= {("face 2", f) for f in first.taught[one]}
    held = {(f.video[-6:], f.number) for f in before.frames if f.held_out}
    learned = {
        (face, f)
        for face, f in learned
        if not any(was != face and abs(f - near) <= APART for was, near in held)
    }
    assert learned
    aside = {(f.video[-6:], f.number) for f in found.frames if f.held_out}
    assert aside.isdisjoint(learned)


def test_corrected_faces_that_lack_landmarks_are_left_out_and_told(session, tmp_path):
    project, _ = session.opened()
    face = add_track(session)
    session.move(3, face, {i: (50 + i, 60) for i in range(17, 68)})
    accept(session, 9, [0])
    with pytest.raises(PushError, match=r"nothing can be learned .* 1 corrected face lacks"):
        push(project, tmp_path / "set", parent="red-lite")
    session.move(20, 0, {30: (50, 60)})
    summary = push(project, tmp_path / "another", parent="red-lite")
    assert summary.kinds[CORRECTED] == 1
    (note,) = summary.notes
    assert note.startswith("1 corrected face lacks landmarks")


def test_a_face_with_another_number_of_landmarks_is_left_out_and_told(
    session, tmp_path, make_video, made_truth
):
    project, _ = session.opened()
    other = make_video(tmp_path / "a seven.mp4", n_frames=30)
    add_videos(project, [other])
    with open_video(other) as video, Session(video, project=project) as seven:
        shapes = [(0, Prediction(i, made_truth(i)[:7], np.ones(7, "f4"))) for i in range(30)]
        seven.store(seven.start_run("seven", "cpu"), shapes)
        seven.move(3, 0, {1: (50, 50)})
    correct(session, 0, (5, 20))
    summary, found = pushed(session, tmp_path / "set")
    assert found.n_landmarks == 68
    assert summary.kinds[CORRECTED] == 2
    (note,) = summary.notes
    assert note == (
        "a seven, face 1: has 7 landmarks, most corrected faces have 68. It is left out."
    )


def test_a_frame_set_aside_that_a_swap_made_a_learned_one_is_so_no_longer(session, tmp_path):
    project, _ = session.opened()
    correct(session, 0, range(0, 40, 3))
    correct(session, 1, range(0, 40, 3))
    one, other = (session.track(face).record.id for face in (0, 1))
    project.database.write(lambda db: db.execute("INSERT INTO held_out VALUES (?, 21)", (other,)))
    learned = {one: [21]}
    _, found = pushed(session, tmp_path / "one", trained=learned)
    assert ("face 2", 21) in {(f.video[-6:], f.number) for f in found.frames if f.held_out}
    swap_tracks(session, 0, 1, 0)
    _, found = pushed(session, tmp_path / "two", trained=learned)
    assert 21 not in {f.number for f in found.frames if f.held_out}


def test_frames_that_cannot_be_decoded_are_left_out_and_told_once(damaged_session, tmp_path):
    correct(damaged_session, 0, (5, 20, 33))
    summary, found = pushed(damaged_session, tmp_path / "set")
    assert [f.number for f in found.frames if f.kind == CORRECTED] == [5, 33]
    assert not {19, 20, 21} & {frame.number for frame in found.frames}
    (note,) = summary.notes
    assert note.startswith("talk: frames 19 to 21 can't be decoded")


def test_a_set_of_a_video_that_an_earlier_version_counted_otherwise_says_so(session, tmp_path):
    correct(session, 0, (20,))
    project, record = session.opened()
    project.database.write(lambda db: db.execute("UPDATE videos SET n_frames = 38"))
    summary, _ = pushed(session, tmp_path / "set")
    assert any("an earlier version counted 38" in note for note in summary.notes)
    assert project.video(record.id).n_frames == 40
