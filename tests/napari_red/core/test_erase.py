import json
import sqlite3

import numpy as np
import pytest

from napari_red.core import edits, model_store, track_edits, training_folder
from napari_red.core.blank_video import BlankVideo
from napari_red.core.erase import ERASED, EraseError, erase_person
from napari_red.core.project import Project, ProjectError
from napari_red.core.records import Prediction
from napari_red.core.session import Session
from napari_red.core.training_folder import RoundRunningError, folder_of, is_running, running


@pytest.fixture
def session(tmp_path):
    """Two faces in 400 frames: Anneliese and Bartholomew."""
    (tmp_path / "v.mp4").write_bytes(b"a video")
    with Session(BlankVideo(tmp_path / "v.mp4", 400)) as session:
        predict(session, 2)
        track_edits.name_identity(session, 0, "Anneliese")
        track_edits.name_identity(session, 1, "Bartholomew")
        yield session


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A folder for the person's own data."""
    monkeypatch.setattr(
        training_folder.platformdirs, "user_data_path", lambda _: tmp_path / "own data"
    )


def predict(session: Session, faces: int, seed: int = 0) -> None:
    chance = np.random.default_rng(seed)
    run = session.start_run("made", "cpu")
    sure = np.full(68, 0.5, np.float32)
    for face in range(faces):
        shapes = chance.normal(300 + 400 * face, 90, (400, 68, 2)).astype(np.float32)
        session.store(run, [(face, Prediction(i, shapes[i], sure)) for i in range(400)])
    session.finish_run(run, "done")


def content(session: Session) -> bytes:
    return session.project.path.read_bytes()


def stored(session: Session, face: int) -> list[bytes]:
    """Pieces of bytes in which the file keeps a face's landmarks."""
    track = session.track(face).record.id
    rows = session.project.database.read(
        "SELECT data FROM predictions WHERE track_id = ?", (track,)
    )
    starts = (1000, 3000, 9000)  # what comes before is the same for every face
    pieces = [data[i : i + 40] for (data,) in rows for i in starts if i + 40 < len(data)]
    for frame in session.track(face).corrected:
        found = session.project.correction(track, frame)
        pieces += [found.landmarks[i].tobytes() for i in np.flatnonzero(found.moved)]
    assert pieces
    return pieces


def undo_and_redo_everything(session: Session) -> None:
    done, _ = session.can_undo()
    assert len([1 for _ in iter(session.undo, None)]) == done
    assert len([1 for _ in iter(session.redo, None)]) >= done
    database = session.project.database
    assert database.read("PRAGMA foreign_key_check") == []
    assert database.read("PRAGMA integrity_check") == [("ok",)]


def erase(session: Session, name: str = "Anneliese"):
    erased = erase_person(session.project, name)
    session.reload()
    return erased


def test_neither_name_nor_landmarks_are_found_in_the_file(session):
    session.move(3, 0, {5: (123.4567, 234.5678)})
    session.move(3, 0, {5: (345.6789, 456.7891)})
    session.hide(9, 0, [1])
    edits.accept_up_to(session, 20, [0])
    older = np.float32([123.4567, 234.5678]).tobytes()
    pieces = [*stored(session, 0), older, b"Anneliese"]
    before = content(session)
    assert all(piece in before for piece in pieces)
    erased = erase(session)
    assert erased.tracks == 1
    after = content(session)
    assert not any(piece in after for piece in pieces)
    assert [track.identity.name for track in session.tracks] == ["Bartholomew"]


def test_the_others_keep_everything_and_their_undo(session):
    session.move(3, 1, {5: (1.5, 2.5)})
    edits.accept(session, 7)
    session.move(4, 1, {6: (3.5, 4.5)})
    views = [session.view(frame) for frame in range(0, 400, 3)]
    erase(session)
    for old in views:
        new = session.view(old.frame)
        np.testing.assert_array_equal(new.landmarks[0], old.landmarks[1])
        np.testing.assert_array_equal(new.corrected[0], old.corrected[1])
        assert new.accepted[0] == old.accepted[1]
    assert session.undo() == 4
    assert session.undo() == 7
    assert not session.view(7).accepted.any()
    assert session.undo() == 3
    assert not session.view(3).corrected.any()
    undo_and_redo_everything(session)


def test_every_name_the_person_ever_had_is_gone(session):
    track_edits.rename_identity(session, "Anneliese", "Annegret")
    track_edits.rename_identity(session, "Annegret", "Annemarie")
    erase(session, "Annemarie")
    after = content(session)
    assert not any(name in after for name in (b"Anneliese", b"Annegret", b"Annemarie"))
    assert ERASED.encode() not in after  # those steps are gone altogether
    undo_and_redo_everything(session)


def test_a_face_that_had_the_name_by_mistake_stays_without_it(session):
    track_edits.name_identity(session, 1, "Anneliese")
    track_edits.name_identity(session, 1, "Bartholomew")
    erase(session)
    assert b"Anneliese" not in content(session)
    assert session.undo() is not None
    assert session.tracks[0].identity is None
    undo_and_redo_everything(session)


def test_a_deleted_face_of_the_person_cannot_be_brought_back(session):
    session.move(3, 0, {5: (123.4567, 234.5678)})
    pieces = stored(session, 0)
    track_edits.delete_track(session, 0)
    erase(session)
    assert not any(piece in content(session) for piece in pieces)
    undo_and_redo_everything(session)
    assert session.n_faces == 1


@pytest.mark.parametrize("back", [False, True])
def test_what_was_mixed_up_with_another_face_is_gone_too(session, back):
    session.move(150, 0, {5: (123.4567, 234.5678)})
    pieces = stored(session, 0)
    track_edits.swap_tracks(session, 0, 1, 128)
    session.move(380, 1, {7: (11.25, 22.25)})
    track_edits.swap_tracks(session, 0, 1, 128)
    if back:
        session.undo()
        session.redo()
    erase(session)
    assert not any(piece in content(session) for piece in pieces)
    undo_and_redo_everything(session)


def test_a_part_that_was_split_off_and_given_to_another_keeps_no_trace(session):
    session.move(10, 0, {5: (123.4567, 234.5678)})
    new = track_edits.split_track(session, 0, 200)
    pieces = stored(session, 0)
    session.move(300, new, {5: (7.5, 8.5)})
    track_edits.name_identity(session, new, "Bartholomew")
    erase(session)
    assert not any(piece in content(session) for piece in pieces)
    assert session.n_faces == 2
    undo_and_redo_everything(session)


def test_a_face_that_was_merged_into_the_person_is_gone_too(session):
    new = track_edits.split_track(session, 0, 256)
    pieces = stored(session, new)
    track_edits.merge_tracks(session, 0, new)
    erase(session)
    assert not any(piece in content(session) for piece in pieces)
    undo_and_redo_everything(session)


def test_undone_work_on_the_person_cannot_be_made_again(session):
    session.move(3, 0, {5: (123.4567, 234.5678)})
    session.undo()
    erase(session)
    assert np.float32(123.4567).tobytes() not in content(session)
    assert session.redo() is None


def test_the_history_only_grows_again_afterwards(session):
    edits.accept(session, 7)
    erase(session)
    path = session.project.path
    session.close()
    db = sqlite3.connect(path)
    for statement in ("DELETE FROM steps", "UPDATE changes SET b = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            db.execute(statement)
    db.close()


def test_somebody_unknown_is_refused_and_nothing_changes(session):
    before = content(session)
    with pytest.raises(EraseError, match=r"Nobody Else: nobody in .* is called so"):
        erase(session, "Nobody Else")
    assert content(session) == before


def test_a_number_is_not_given_to_somebody_else_in_old_steps(session):
    track_edits.name_identity(session, 1, "Anneliese")
    erase(session)  # both faces
    predict(session, 1, seed=4)
    track_edits.name_identity(session, 0, "Charlotte")
    while session.undo() is not None:
        pass
    assert [track.identity for track in session.tracks] == [None]


def test_what_only_the_person_at_the_keyboard_can_remove_is_told(session):
    project = session.project
    project.set_video(session.video_id, path="/videos/Anneliese/v.mp4")
    report = json.dumps({"people": ["Anneliese", "Bartholomew"], "note": "Annelieses"})
    project.database.write(
        lambda db: db.execute(
            "INSERT INTO models (name, fingerprint, made, details) VALUES ('m', '', '', ?)",
            (report,),
        )
    )
    copy = project.path.with_name("v.red.v1")
    copy.write_bytes(b"")
    erased = erase(session)
    assert erased.still_named == ["/videos/Anneliese/v.mp4"]
    assert erased.trained == ["m"]
    assert erased.copies == [copy]
    ((details,),) = project.database.read("SELECT details FROM models")
    assert json.loads(details)["people"] == [ERASED, "Bartholomew"]


def test_a_folder_that_a_model_lay_in_is_gone_and_models_that_ship_keep_their_names(session):
    project = session.project
    for model in ("/data/Anneliese_2023/fine.safetensors, re-tracked", "red-lite"):
        session.finish_run(session.start_run(model, "cpu"), "done")
    model_store.use(project, "red-wide")
    track_edits.rename_in_project(project, "Bartholomew", "red")
    erase(session)
    assert b"Anneliese" not in content(session)
    erase(session, "red")
    called = set(project.run_models(session.video_id).values())
    assert called == {"made", "fine.safetensors, re-tracked", "red-lite"}
    assert model_store.current_name(project) == "red-wide"


def test_frames_pushed_for_training_go_too_and_are_told(session, own_data):
    project = session.project
    now = folder_of(project)
    before = now.with_name(f"{now.name.rpartition('-')[0]}-00000000")  # where the project lay
    another = now.with_name("0123456789abcdef-00000000")
    for folder in (now, before, another):
        (folder / "set" / "Anneliese").mkdir(parents=True)
        (folder / "plan.json").write_text('{"people": ["Anneliese"]}')
    erased = erase(session)
    assert erased.pushed
    assert [folder.exists() for folder in (now, before, another)] == [False, False, True]
    assert not erase(session, "Bartholomew").pushed


def test_a_project_that_can_not_be_written_keeps_its_pushed_frames(session, own_data):
    folder = folder_of(session.project)
    (folder / "set").mkdir(parents=True)
    with (
        Project(session.project.path, "read") as project,
        pytest.raises(ProjectError, match="opened for reading"),
    ):
        erase_person(project, "Anneliese")
    assert (folder / "set").is_dir()


def test_whether_a_round_runs_is_known_of_a_project_that_can_not_be_written(session, own_data):
    with Project(session.project.path, "read") as project:
        assert not is_running(project)  # none was ever begun in it
        with running(folder_of(session.project)):
            assert is_running(project)


def test_clearing_traces_under_a_mistyped_name_removes_nothing_else(session, own_data):
    project = session.project
    project.database.write(lambda db: db.execute("INSERT INTO settings VALUES ('traces', '')"))
    track_edits.rename_in_project(project, "Bartholomew", "Ben")
    (folder_of(project) / "set").mkdir(parents=True)
    erased = erase(session, "Bartholomew")  # as one of them was called once
    assert (erased.again, erased.tracks, erased.steps, erased.pushed) == (True, 0, 0, False)
    assert (folder_of(project) / "set").is_dir()
    assert not project.database.traces_left
    assert b"Bartholomew" in content(session)
    while session.undo() is not None:
        pass
    assert session.n_faces == 2


def test_nobody_is_erased_while_the_model_learns_from_them(session, own_data):
    folder = folder_of(session.project)
    (folder / "set" / "Anneliese").mkdir(parents=True)
    with running(folder), pytest.raises(RoundRunningError, match="is being improved"):
        erase(session)
    assert (folder / "set" / "Anneliese").is_dir()
    assert [track.identity.name for track in session.tracks] == ["Anneliese", "Bartholomew"]
    assert erase(session).pushed
