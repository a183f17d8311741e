import unicodedata

import numpy as np
import pytest

from napari_red.core import cells, edits, find_videos, track_edits
from napari_red.core.annotation import IMPORTED
from napari_red.core.blank_video import BlankVideo
from napari_red.core.locate import locate
from napari_red.core.merge import MergeError, merge
from napari_red.core.project import Project
from napari_red.core.records import Prediction
from napari_red.core.session import Session

FRAMES = (0, 3, 4, 127, 128, 299)


def video(folder, name) -> BlankVideo:
    (folder / f"{name}.mp4").write_bytes(name.encode())
    return BlankVideo(folder / f"{name}.mp4", 300)


def annotated(folder, name: str, project: Project | None = None, *, by_person: bool = True):
    """A session with two faces; the first is Ann, corrected in frame 3."""
    path = None if project else folder / f"{name}.red"
    session = Session(video(folder, name), path, project=project)
    seed = np.random.default_rng(len(name))
    run = session.start_run(f"model of {name}", "cpu")
    sure = np.full(68, 0.5, np.float32)
    shapes = seed.normal(300, 90, (300, 2, 68, 2)).astype(np.float32)
    session.store(
        run,
        [(face, Prediction(i, shapes[i, face], sure)) for i in range(300) for face in range(2)],
    )
    if by_person:
        track_edits.name_identity(session, 0, "Ann")
        session.move(3, 0, {5: (len(name) + 0.5, 7)})
        edits.accept_up_to(session, 4)
        track_edits.add_track(session)
        track_edits.delete_track(session, 2)
    return session


def shown(session: Session) -> list:
    names = [track.identity and track.identity.name for track in session.tracks]
    views = [session.view(frame) for frame in FRAMES]
    models = session.project.run_models(session.video_id)
    return [
        names,
        [models.get(int(run)) for view in views for run in view.run],
        *(getattr(v, part) for v in views for part in ("landmarks", "corrected", "accepted")),
    ]


def kept(path, session: Session) -> None:
    """What a session shows is what a project of the same video has."""
    with Project(path) as project, Session(session.video, project=project) as again:
        same(shown(session), shown(again))


def same(one: list, other: list) -> None:
    assert one[:2] == other[:2]
    for a, b in zip(one[2:], other[2:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def two(tmp_path):
    with annotated(tmp_path, "a") as a, annotated(tmp_path, "bb") as b:
        track_edits.name_identity(b, 1, "Bob")
        yield a, b


def test_everything_of_both_is_in_the_new_project_and_can_be_undone(two, tmp_path):
    before = [shown(session) for session in two]
    undoable = [session.can_undo() for session in two]
    sources = [session.project.path for session in two]
    contents = [path.read_bytes() for path in sources]
    merged = merge(sources, tmp_path / "both.red")
    assert (merged.videos, merged.people, merged.left_out) == (2, 2, [])
    assert [path.read_bytes() for path in sources] == contents
    with Project(tmp_path / "both.red") as both:
        assert [one.name for one in both.identities()] == ["Ann", "Bob"]
        for old, view, steps in zip(two, before, undoable, strict=True):
            with Session(old.video, project=both) as session:
                same(view, shown(session))
                assert session.can_undo() == steps
                while session.undo() is not None:
                    pass
                assert session.corrected_frames() == []
                while session.redo() is not None:
                    pass
                same(view, shown(session))
        assert both.database.read("PRAGMA foreign_key_check") == []
        assert both.database.read("PRAGMA integrity_check") == [("ok",)]


def test_people_of_the_same_name_are_one(two, tmp_path):
    merge([session.project.path for session in two], tmp_path / "both.red")
    with Project(tmp_path / "both.red") as both:
        anns = {t.identity.id for t in both.tracks() if t.identity and t.identity.name == "Ann"}
        assert len(anns) == 1


def test_work_goes_on_in_the_new_project(two, tmp_path):
    merge([session.project.path for session in two], tmp_path / "both.red")
    with (
        Project(tmp_path / "both.red") as both,
        Session(two[1].video, project=both) as session,
    ):
        run = session.start_run("new", "cpu")
        points = np.full((68, 2), 9, np.float32)
        session.store(run, [(0, Prediction(200, points, np.ones(68, np.float32)))])
        assert (session.view(200).landmarks[0] == 9).all()
        new = track_edits.add_track(session)
        assert session.tracks[new].id > max(t.id for t in both.tracks() if t.video_id == 1)
        assert session.undo() is not None


def test_a_video_that_people_worked_on_in_both_is_refused(tmp_path):
    (tmp_path / "x").mkdir()
    with (
        annotated(tmp_path, "a") as a,
        annotated(tmp_path / "x", "a") as b,
        pytest.raises(MergeError, match=r"people worked on this video in .*leave one of"),
    ):
        merge([a.project.path, b.project.path], tmp_path / "both.red")
    assert not (tmp_path / "both.red").exists()


def test_a_video_that_nobody_worked_on_in_one_is_taken_from_the_other(tmp_path):
    (tmp_path / "x").mkdir()
    with (
        annotated(tmp_path, "a", by_person=False) as idle,
        annotated(tmp_path / "x", "a") as worked,
    ):
        paths = [idle.project.path, worked.project.path]
        merged = merge(paths, tmp_path / "both.red")
        assert merged.left_out == [(idle.project.path, "a")]
        assert merged.why == ["with a person's work"]
        with (
            Project(tmp_path / "both.red") as both,
            Session(worked.video, project=both) as session,
        ):
            same(shown(worked), shown(session))


def added(folder, name: str) -> Session:
    """A session of a video of which nothing is said."""
    folder.mkdir()
    session = Session(video(folder, name), folder / f"{name}.red")
    session.opened()
    return session


def said_of(session: Session, model: str, frames: int) -> None:
    run = session.start_run(model, "")
    points, sure = np.full((68, 2), 9, np.float32), np.ones(68, np.float32)
    session.store(run, [(0, Prediction(i, points, sure)) for i in range(frames)])
    session.finish_run(run, "done")


@pytest.mark.parametrize(
    ("less", "more", "why"),
    [
        ([], [("red-lite", 9)], "with predictions"),
        ([], [(IMPORTED, 9)], "with imported labels"),
        ([("red-lite", 8)], [("red-lite", 200)], "with more predictions"),
        ([("red-lite", 200)], [(IMPORTED, 9)], "with imported labels"),
        ([(IMPORTED, 8)], [("red-lite", 99), ("imported from /x/Ann", 9)], "with more imported"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_the_copy_of_a_video_that_has_most_is_kept(tmp_path, less, more, why, first):
    with added(tmp_path / "x", "a") as one, added(tmp_path / "y", "a") as other:
        for session, runs in ((one, less), (other, more)):
            for run in runs:
                said_of(session, *run)
        sources = [one.project.path, other.project.path]
        merged = merge(sources if first else sources[::-1], tmp_path / "both.red")
        assert merged.left_out == [(one.project.path, "a")]
        assert merged.why[0].startswith(why)
        kept(tmp_path / "both.red", other)


def test_a_name_that_waits_for_its_face_is_no_work_on_the_video(tmp_path):
    with added(tmp_path / "x", "a") as one, added(tmp_path / "y", "a") as other:
        for session in (one, other):  # as from a folder's name
            track_edits.name_identity(session, track_edits.add_track(session), "Ann")
        said_of(other, "red-lite", 9)
        merged = merge([one.project.path, other.project.path], tmp_path / "both.red")
        assert merged.left_out == [(one.project.path, "a")]
        kept(tmp_path / "both.red", other)


def test_of_two_alike_the_first_is_kept_and_nobody_is_said_to_have_worked_on_it(tmp_path):
    with added(tmp_path / "x", "a") as one, added(tmp_path / "y", "a") as other:
        merged = merge([one.project.path, other.project.path], tmp_path / "both.red")
        assert merged.left_out == [(other.project.path, "a")]
        assert merged.why == ["with as much"]


def test_a_name_in_both_of_unicodes_forms_is_one_person(two, tmp_path):
    forms = [unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD")]
    for session, name in zip(two, forms, strict=True):
        number = session.project.new_id("identity")
        track = session.tracks[1]
        owner = cells.track_value(session.video_id, track.face, 68, number)
        session.apply(
            {("identity", number, 0): name.encode(), ("track", track.id, 0): owner},
            f"face 2 is {name}",
            (0, 299),
        )
    merge([session.project.path for session in two], tmp_path / "both.red")
    with Project(tmp_path / "both.red") as both:
        assert [one.name for one in both.identities()] == ["Ann", "Bob", forms[0]]
        with Session(two[1].video, project=both) as session:
            assert session.tracks[1].identity.name == forms[0]
            session.undo()
            assert session.tracks[1].identity.name == "Bob"


def test_what_erasing_left_in_a_source_is_not_said_of_the_new_project(two, tmp_path):
    project = two[0].project
    project.database.write(lambda db: db.execute("INSERT INTO settings VALUES ('traces', '')"))
    assert project.database.traces_left
    merge([session.project.path for session in two], tmp_path / "both.red")
    with Project(tmp_path / "both.red") as both:
        assert not both.database.traces_left


def test_models_settings_and_held_out_frames_come_along(two, tmp_path):
    for number, session in enumerate(two):
        database = session.project.database
        database.write(
            lambda db, n=number: db.execute(
                "INSERT INTO models (name, fingerprint, made) VALUES ('model 1', ?, '')", (str(n),)
            )
        )
        database.write(lambda db: db.execute("INSERT INTO model_files VALUES (1, X'00')"))
        database.write(lambda db: db.execute("INSERT INTO held_out VALUES (1, 3)"))
        database.write(
            lambda db, n=number: db.execute("INSERT INTO settings VALUES ('secret', ?)", (str(n),))
        )
    merge([session.project.path for session in two], tmp_path / "both.red")
    with Project(tmp_path / "both.red") as both:
        read = both.database.read
        assert read("SELECT name FROM models ORDER BY id") == [("model 1",), ("model 1 (bb)",)]
        assert read("SELECT COUNT(*) FROM model_files") == [(2,)]
        assert len(read("SELECT * FROM held_out")) == 2
        assert read("SELECT value FROM settings") == [("0",)]


def test_an_existing_file_is_never_written_over(two, tmp_path):
    before = two[1].project.path.read_bytes()
    with pytest.raises(MergeError, match="is there already"):
        merge([two[0].project.path], two[1].project.path)
    assert two[1].project.path.read_bytes() == before


def test_nothing_is_left_where_merging_fails(two, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_red.core.merge._Copy._history", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        merge([session.project.path for session in two], tmp_path / "both.red")
    assert not (tmp_path / "both.red").exists()


def test_a_video_is_found_in_a_project_that_was_moved_with_it(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    annotated(before, "a").close()
    before.rename(after)
    before.mkdir()
    (before / "a.mp4").write_bytes(b"another video lies there now")
    (tmp_path / "all").mkdir()
    merge([after / "a.red"], tmp_path / "all" / "all.red")
    with Project(tmp_path / "all" / "all.red") as merged:
        (record,) = merged.videos()
        assert locate(merged, record) == after / "a.mp4"


def test_videos_that_are_where_they_were_are_not_read(two, tmp_path, monkeypatch):
    paths = [session.project.path for session in two]
    monkeypatch.setattr(find_videos, "contents_of", None)
    merge(paths, tmp_path / "both.red")
    with Project(tmp_path / "both.red", "read") as merged:
        assert len(merged.videos()) == 2
