import threading
import unicodedata

import numpy as np
import pytest
from two_faces import L, predict, session, shape

from napari_red.core import cells, edits, track_edits
from napari_red.core.blank_video import BlankVideo
from napari_red.core.edits import EditError
from napari_red.core.features import features_from, features_of
from napari_red.core.jobs import StopWork
from napari_red.core.project import Project
from napari_red.core.records import Prediction
from napari_red.core.session import Session

__all__ = ["session"]

NFC, NFD = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))


def names(session: Session) -> list[str | None]:
    return [track.identity.name if track.identity else None for track in session.tracks]


def landmarks(session: Session, frame: int) -> list[list[float]]:
    """The first coordinate of each face."""
    return session.view(frame).landmarks[:, 0, 0].tolist()


@pytest.fixture
def two(tmp_path):
    """Two videos of one project, open at once."""
    with Project(tmp_path / "p.red") as project:
        sessions = []
        for name in ("a", "b"):
            (tmp_path / f"{name}.mp4").write_bytes(name.encode())
            opened = Session(BlankVideo(tmp_path / f"{name}.mp4", 200), project=project)
            predict(opened, range(3))
            sessions.append(opened)
        yield sessions


# -- who it is -----------------------------------------------------------------------------


def test_the_same_name_is_the_same_person(session):
    track_edits.name_identity(session, 0, "Ann")
    track_edits.name_identity(session, 1, "  Ann ")
    assert names(session) == ["Ann", "Ann"]
    assert len(session.project.identities()) == 1


def test_a_name_in_both_of_unicodes_forms_is_the_same_person(session):
    track_edits.name_identity(session, 0, NFD)
    track_edits.name_identity(session, 1, NFC)
    assert names(session) == [NFC, NFC]
    track_edits.rename_identity(session, NFD, "Ann")
    assert names(session) == ["Ann", "Ann"]


def test_an_older_projects_name_is_found_in_the_other_form_and_can_be_spelt_anew(session):
    number = session.project.new_id("identity")
    record = session.tracks[0]
    owner = cells.track_value(session.video_id, record.face, L, number)
    session.apply(
        {("identity", number, 0): NFD.encode(), ("track", record.id, 0): owner}, "", (0, 0)
    )
    track_edits.name_identity(session, 1, NFC)
    assert names(session) == [NFD, NFD]
    track_edits.rename_identity(session, NFC, NFC)
    assert names(session) == [NFC, NFC]
    with pytest.raises(EditError, match="can't be the new name"):
        track_edits.rename_identity(session, NFC, NFD)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_name_is_nobody(session, blank):
    track_edits.name_identity(session, 0, "Ann")
    track_edits.name_identity(session, 0, blank)
    assert names(session) == [None, None]


def test_undoing_the_first_naming_takes_the_name_off_the_list(session):
    track_edits.name_identity(session, 0, "Ann")
    session.undo()
    assert session.project.identities() == []
    session.redo()
    assert names(session) == ["Ann", None]


def test_renaming_reaches_every_face_and_goes_back(session):
    track_edits.name_identity(session, 0, "Ann")
    track_edits.name_identity(session, 1, "Ann")
    track_edits.rename_identity(session, "Ann", "Anna")
    assert names(session) == ["Anna", "Anna"]
    session.undo()
    assert names(session) == ["Ann", "Ann"]


def test_renaming_without_a_video_reaches_every_video_and_is_undone_in_the_first(two):
    a, b = two
    track_edits.name_identity(a, 0, "Ann")
    track_edits.name_identity(b, 1, "Ann")
    project = a.project
    track_edits.rename_in_project(project, "Ann", "Anna")
    assert {track.identity.name for track in project.tracks() if track.identity} == {"Anna"}
    with Session(BlankVideo(a.video.path, 200), project=project) as again:
        again.undo()
        assert again.tracks[0].identity.name == "Ann"
    with pytest.raises(EditError, match="nobody in this project"):
        track_edits.rename_in_project(project, "Anna", "Zoe")


def test_renaming_to_somebody_else_or_nobody_is_refused(session):
    track_edits.name_identity(session, 0, "Ann")
    track_edits.name_identity(session, 1, "Bob")
    with pytest.raises(EditError, match="somebody else has it"):
        track_edits.rename_identity(session, "Ann", "Bob")
    with pytest.raises(EditError, match="it is empty"):
        track_edits.rename_identity(session, "Ann", " ")
    with pytest.raises(EditError, match="nobody in this project is called so"):
        track_edits.rename_identity(session, "Cy", "Dan")


def test_a_name_that_another_video_uses_survives_undo_here(two):
    a, b = two
    track_edits.name_identity(a, 0, "Ann")
    track_edits.name_identity(b, 0, "Ann")
    a.undo()
    b.reload()
    assert names(b)[0] == "Ann"
    a.redo()
    assert names(a)[0] == "Ann"


def test_a_face_brought_back_has_its_name_though_the_name_was_undone_elsewhere(two):
    a, b = two
    track_edits.name_identity(a, 0, "Ann")
    track_edits.name_identity(b, 0, "Ann")
    track_edits.delete_track(b, 0)
    a.undo()  # nobody is called so now
    b.undo()
    assert names(b)[0] == "Ann"
    a.redo()
    assert names(a)[0] == "Ann"
    assert len(a.project.identities()) == 1


def test_redoing_a_name_that_somebody_gave_anew_joins_them(two):
    a, b = two
    track_edits.name_identity(a, 0, "Ann")
    a.undo()
    track_edits.name_identity(b, 0, "Ann")
    a.redo()
    b.reload()
    assert names(a)[0] == names(b)[0] == "Ann"
    assert len(a.project.identities()) == 1


def test_undoing_a_renaming_leaves_a_name_that_another_video_gave_since(two):
    a, b = two
    track_edits.name_identity(a, 0, "Ann")
    track_edits.rename_identity(a, "Ann", "Anna")
    track_edits.name_identity(b, 0, "Anna")
    track_edits.rename_identity(b, "Anna", "Annie")
    assert a.undo() is not None
    assert [one.name for one in a.project.identities()] == ["Annie"]
    b.undo()
    assert [one.name for one in a.project.identities()] == ["Anna"]


def test_undoing_a_renaming_never_makes_two_of_one_name(two):
    a, b = two
    track_edits.name_identity(a, 0, "Ann")
    track_edits.rename_identity(a, "Ann", "Anna")
    track_edits.name_identity(b, 0, "Ann")
    assert a.undo() is not None
    assert [one.name for one in a.project.identities()] == ["Ann", "Anna"]
    assert a.undo() is not None  # nothing is stuck


# -- whole faces ---------------------------------------------------------------------------


def test_a_deleted_face_comes_back_with_everything(session):
    session.move(5, 1, {2: (3, 4)})
    edits.accept_up_to(session, 8, [1])
    track_edits.name_identity(session, 1, "Ann")
    before = [session.view(frame) for frame in (4, 5, 8, 9)]
    track_edits.delete_track(session, 1)
    assert session.n_faces == 1
    session.undo()
    assert names(session) == [None, "Ann"]
    for old in before:
        new = session.view(old.frame)
        np.testing.assert_array_equal(new.landmarks, old.landmarks)
        np.testing.assert_array_equal(new.corrected, old.corrected)
        np.testing.assert_array_equal(new.accepted, old.accepted)


def test_deleting_again_after_a_model_found_more_works_and_brings_that_back_too(session):
    track_edits.delete_track(session, 1)
    session.undo()
    predict(session, [1500], offset=1000)
    session.redo()
    assert session.n_faces == 1
    session.undo()
    assert landmarks(session, 1500) == [2500, 2600]
    assert landmarks(session, 10) == [10, 110]


def test_an_added_face_that_a_model_has_filled_stays_when_adding_it_is_undone(session):
    new = track_edits.add_track(session)
    session.undo()
    assert session.n_faces == 2
    session.redo()
    predict(session, [5, 700], faces=3, offset=1000)
    for _ in range(2):
        assert session.undo() is not None
        assert landmarks(session, 5)[new] == 1205
        assert landmarks(session, 700)[new] == 1900
        session.redo()
        assert session.n_faces == 3
    session.undo()
    session.move(6, 0, {0: (1, 1)})  # nothing can be redone now
    assert landmarks(session, 700)[new] == 1900


def test_a_name_that_came_with_its_face_is_undone_and_what_a_model_said_of_it_stays(session):
    """Older versions named the first face so, as a step, when a video was added."""
    project, video = session.opened()
    track, person = project.new_id("track"), project.new_id("identity")
    named = cells.track_value(video.id, 2, L, person)
    session.apply({("identity", person, 0): b"Ann", ("track", track, 0): named}, "", (0, 0))
    predict(session, [5], faces=3, offset=1000)
    session.undo()
    assert names(session) == [None, None, None]
    assert project.identities() == []
    assert landmarks(session, 5) == [1005, 1105, 1205]
    predict(session, [6], faces=3, offset=1000)
    session.redo()
    assert names(session) == [None, None, "Ann"]
    assert landmarks(session, 6) == [1006, 1106, 1206]
    session.undo()
    track_edits.name_identity(session, 2, "Ann")
    assert names(session) == [None, None, "Ann"]
    assert session.n_faces == 3


def test_undoing_a_split_leaves_what_a_model_has_said_of_both_since(session):
    track_edits.split_track(session, 0, 130)
    predict(session, [140], faces=3, offset=1000)
    session.undo()
    assert landmarks(session, 140) == [1140, 1240, 1340]
    assert landmarks(session, 141)[:2] == [141, 241]
    session.redo()
    assert landmarks(session, 140) == [1140, 1240, 1340]
    assert landmarks(session, 141)[1:] == [241, 141]


def test_a_face_that_a_model_finds_meanwhile_gets_another_number(session):
    track_edits.delete_track(session, 1)
    predict(session, [5], offset=1000)  # a second face again
    session.undo()
    assert session.n_faces == 3
    assert sorted(landmarks(session, 5)[1:]) == [105, 1105]


def test_a_run_goes_on_with_the_faces_it_started_with(session):
    run = session.start_run("long", "cpu")
    track_edits.delete_track(session, 0)
    sure = np.ones(L, np.float32)
    session.store(run, [(k, Prediction(5, shape(2000 + k), sure)) for k in range(2)])
    assert landmarks(session, 5) == [2001]
    session.undo()
    assert landmarks(session, 5) == [5, 2001]


def test_merging_fills_gaps_and_keeps_what_a_person_did(session):
    new = track_edits.add_track(session)
    run = session.start_run("made", "cpu")
    sure = np.ones(L, np.float32)
    session.store(run, [(new, Prediction(f, shape(900 + f), sure)) for f in range(290, 310)])
    session.move(291, new, {0: (1, 1)})
    edits.accept(session, 292, [new])
    session.move(293, 0, {0: (2, 2)})
    session.move(293, new, {0: (3, 3)})
    track_edits.name_identity(session, new, "Ann")
    track_edits.merge_tracks(session, 0, new)
    assert session.n_faces == 2
    assert names(session)[0] == "Ann"
    assert landmarks(session, 290)[0] == 290  # both were found: the face stays
    assert landmarks(session, 291)[0] == 1  # corrected in the other
    assert landmarks(session, 292)[0] == 1192  # accepted in the other
    assert session.view(292).accepted[0]
    assert landmarks(session, 293)[0] == 2  # corrected in both: the face stays
    assert landmarks(session, 305)[0] == 1205  # only in the other
    session.undo()
    assert session.n_faces == 3
    assert landmarks(session, 291)[0] == 291
    assert landmarks(session, 305)[new] == 1205


@pytest.mark.parametrize("accepted", [None, 400, 200, 130])
def test_merging_fills_frames_that_were_accepted_without_the_face(session, accepted):
    """One face was followed as two, and a person went through the video before they saw it."""
    new = track_edits.split_track(session, 0, 130)
    if accepted is not None:
        edits.accept_up_to(session, accepted - 1)
    for kept, gone in ((0, new), (new, 0)):
        track_edits.merge_tracks(session, kept, gone)
        face = min(kept, session.n_faces - 1)
        for frame in (0, 129, 130, 199, 200, 299):
            assert landmarks(session, frame)[face] == frame
            assert session.view(frame).accepted[face] == (frame < (accepted or 0))
        assert edits.counts(session).accepted == (accepted or 0)
        session.undo()
        assert np.isnan(session.view(130).landmarks[0]).all()


def test_merging_takes_no_accepted_mark_from_a_face_that_is_not_there(session):
    new = track_edits.split_track(session, 0, 130)
    edits.accept(session, 140, [0])
    edits.accept(session, 350, [new])
    track_edits.merge_tracks(session, 0, new)
    assert landmarks(session, 140)[0] == 140
    assert not session.view(140).accepted[0]
    assert session.view(350).accepted[0]  # neither is there, and that was accepted


def test_a_face_is_not_merged_or_swapped_with_itself(session):
    with pytest.raises(EditError, match="merged with itself"):
        track_edits.merge_tracks(session, 1, 1)
    with pytest.raises(EditError, match="swapped with itself"):
        track_edits.swap_tracks(session, 1, 1, 0)


def test_splitting_moves_everything_from_the_frame_on(session):
    session.move(129, 0, {0: (1, 1)})
    edits.accept_up_to(session, 140, [0])
    new = track_edits.split_track(session, 0, 130)
    assert new == 2
    assert landmarks(session, 129)[0] == 1
    assert np.isnan(session.view(129).landmarks[new]).all()
    assert landmarks(session, 130)[new] == 130
    assert np.isnan(session.view(130).landmarks[0]).all()
    for frame, accepted in ((129, True), (130, True), (140, True), (141, False)):
        assert session.view(frame).accepted.tolist() == [accepted, False, accepted]
    session.undo()
    assert session.n_faces == 2
    assert landmarks(session, 130)[0] == 130


def test_what_a_person_has_been_through_is_so_after_a_split(session):
    edits.accept_up_to(session, 1099)
    for frame in (20, 1150, 1151):
        for face in range(2):
            session.move(frame, face, {1: (1, 1)})
    before = edits.counts(session)
    new = track_edits.split_track(session, 0, 150)
    assert edits.counts(session) == before
    assert session.view(1150).accepted.tolist() == [True, False, False]
    track_edits.merge_tracks(session, 0, new)
    assert edits.counts(session) == before
    assert session.view(1150).accepted.tolist() == [False, False]
    for _ in range(2):
        session.undo()
    assert edits.counts(session) == before
    assert session.n_faces == 2


def test_swapping_exchanges_from_the_frame_on_and_twice_is_nothing(session):
    session.move(200, 1, {0: (1, 1)})
    edits.accept(session, 201, [0])
    track_edits.swap_tracks(session, 0, 1, 150)
    assert landmarks(session, 149) == [149, 249]
    assert landmarks(session, 150) == [250, 150]
    assert landmarks(session, 200) == [1, 200]
    assert session.view(201).accepted.tolist() == [False, True]
    track_edits.swap_tracks(session, 0, 1, 150)
    assert landmarks(session, 150) == [150, 250]
    assert landmarks(session, 200) == [200, 1]


@pytest.mark.parametrize("frame", [0, 100, 128, 150, 300])
def test_what_is_kept_beside_predictions_follows_a_face_that_is_swapped_or_split(session, frame):
    run = session.start_run("made", "cpu")
    sure = np.ones(L, np.float32)
    far = [(1, Prediction(f, shape(3000 - 9 * f), sure)) for f in range(300)]
    session.store(run, [*far, *((0, Prediction(f, shape(f), sure)) for f in range(420))])
    track_edits.swap_tracks(session, 0, 1, frame)
    track_edits.split_track(session, 0, frame + 70)
    project, _ = session.opened()
    for track in session.tracks:
        for number in project.chunk_numbers(track.id):
            address = ("prediction", track.id, number)
            value = project.database.look(lambda db, address=address: cells.read(db, address))
            before, chunk = (project.chunk(track.id, n) for n in (number - 1, number))
            features, _ = cells.unpack_prediction(value)
            np.testing.assert_array_equal(
                features_from(features).to_array(),
                features_from(features_of(chunk, before)).to_array(),
            )


def test_long_edits_say_how_far_they_are_and_change_nothing_when_they_are_stopped(session):
    for edit in (
        lambda *watch: track_edits.swap_tracks(session, 0, 1, 0, *watch),
        lambda *watch: track_edits.merge_tracks(session, 0, 1, *watch),
        lambda *watch: track_edits.split_track(session, 0, 5, *watch),
    ):
        said = []
        with pytest.raises(StopWork):
            edit(said.append, lambda said=said: len(said) > 1)
        assert [one.done for one in said] == [0, 1]
        assert said[0].total == 3
        assert session.can_undo()[0] == 0
        assert landmarks(session, 150) == [150, 250]


def test_an_edit_and_a_model_at_work_do_not_lose_each_others_frames(session):
    run = session.start_run("long", "cpu")
    sure = np.ones(L, np.float32)

    def store() -> None:
        for frame in range(300, 420):
            batch = [(k, Prediction(frame, shape(frame + 100 * k), sure)) for k in range(2)]
            session.store(run, batch)

    worker = threading.Thread(target=store)
    worker.start()
    for _ in range(6):
        track_edits.swap_tracks(session, 0, 1, 0)
    worker.join()
    for frame in range(420):
        assert sorted(landmarks(session, frame)) == [frame, frame + 100]
    while session.undo() is not None:
        pass
    for frame in range(300):
        assert landmarks(session, frame) == [frame, frame + 100]
