"""A project of the first version becomes a current one, or stays as it was."""

import sqlite3

import numpy as np
import pytest
from version_1 import Version1

from napari_red.core import migrations
from napari_red.core.blank_video import BlankVideo
from napari_red.core.project import Project, ProjectError
from napari_red.core.session import Session
from trainer.data.fingerprint import video_fingerprint


@pytest.fixture
def video(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"a video")
    return BlankVideo(tmp_path / "v.mp4", 300)


@pytest.fixture
def old(tmp_path, video):
    """A file of the first version: edits in two faces, some undone, one made again."""
    path = tmp_path / "v.red"
    made = Version1(path, video.path, video_fingerprint(video.path), 300, faces=2)
    made.predict(1, range(200), 10.25)
    made.predict(2, range(100, 300), 500.125)
    made.edit(1, 3, "move", made.said({30: (1.3, 2.7)}))
    made.edit(2, 150, "hide", made.said({}, (5, 6)))
    made.edit(1, 3, "move", made.said({30: (1.3, 2.7), 31: (3, 4)}))
    made.edit(2, 150, "move", made.said({5: (9, 9)}, (6,)))
    made.edit(2, 150, "undo", made.said({}, (5, 6)))
    made.edit(1, 3, "undo", made.said({30: (1.3, 2.7)}))
    made.edit(1, 3, "redo", made.said({30: (1.3, 2.7), 31: (3, 4)}))
    made.close()
    return path


def test_everything_is_there_after_migrating(old, video):
    with Session(video) as session:
        (record,) = session.project.videos()
        assert (record.name, record.state, record.n_frames) == ("old", "done", 300)
        assert [track.identity and track.identity.name for track in session.tracks] == ["Ann", None]
        for frame in (0, 127, 128, 199):
            view = session.view(frame)
            assert (view.landmarks[0][5] == 10.25 + frame).all()
            assert abs(view.confidence[0] - 0.5).max() < 1 / 255
        assert np.isnan(session.view(200).landmarks[0]).all()
        assert (session.view(250).landmarks[1] == 750.125).all()
        moved = session.view(3)
        np.testing.assert_array_equal(moved.landmarks[0, 30], np.float32([1.3, 2.7]))
        assert np.flatnonzero(moved.corrected[0]).tolist() == [30, 31]
        assert np.flatnonzero(session.view(150).hidden[1]).tolist() == [5, 6]
        assert session.project.run_models(1) == {1: "red-old"}


def test_undo_and_redo_go_on_where_the_old_version_was(old, video):
    with Session(video) as session:
        assert session.can_undo() == (3, 1)
        assert session.redo() == 150
        assert session.view(150).landmarks[1, 5].tolist() == [9, 9]
        assert [session.undo() for _ in range(5)] == [150, 3, 150, 3, None]
        assert session.corrected_frames() == []
        assert [session.redo() for _ in range(5)] == [3, 150, 3, 150, None]
        assert np.flatnonzero(session.view(3).corrected[0]).tolist() == [30, 31]


def test_a_copy_of_the_old_file_is_kept(old):
    before = old.read_bytes()
    Project(old).close()
    assert (old.parent / "v.red.v1").read_bytes() == before
    assert sorted(p.name for p in old.parent.iterdir()) == ["v.mp4", "v.red", "v.red.v1"]


def test_an_earlier_copy_is_never_replaced(old):
    before = old.read_bytes()
    (old.parent / "v.red.v1").write_bytes(b"of an earlier file of that name")
    Project(old).close()
    assert (old.parent / "v.red.v1").read_bytes() == b"of an earlier file of that name"
    assert (old.parent / "v.red.v1-2").read_bytes() == before


def test_a_migration_that_fails_changes_nothing(old, monkeypatch):
    before = old.read_bytes()

    def fails(db):
        migrations._from_1(db)
        raise ValueError("an edit that nobody foresaw")

    monkeypatch.setitem(migrations.MIGRATIONS, 1, fails)
    with pytest.raises(ProjectError, match=r"nobody foresaw.*the file is as it was"):
        Project(old)
    assert old.read_bytes() == before
    monkeypatch.undo()
    with Project(old) as project:
        assert len(project.corrections(1)) == 1


def test_a_history_that_makes_no_sense_leaves_the_old_file(old):
    db = sqlite3.connect(old)
    db.execute("INSERT INTO edits (at, track_id, frame, kind) VALUES ('', 1, 3, 'redo')")
    db.execute("INSERT INTO edits (at, track_id, frame, kind) VALUES ('', 1, 3, 'redo')")
    db.commit()
    db.close()
    before = old.read_bytes()
    with pytest.raises(ProjectError, match="couldn't be brought up to date"):
        Project(old)
    assert old.read_bytes() == before


def test_an_old_file_that_is_only_read_asks_to_be_opened_once_for_writing(old):
    before = old.read_bytes()
    with pytest.raises(ProjectError, match="open it once where it can be written"):
        Project(old, "read")
    assert old.read_bytes() == before


def test_the_history_only_grows_after_migrating_too(old):
    Project(old).close()
    db = sqlite3.connect(old)
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        db.execute("DELETE FROM changes")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        db.execute("UPDATE steps SET label = ''")
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    db.close()
    assert not any(name.startswith("old_") for name in names)


def test_a_migrated_file_is_laid_out_as_a_new_one(old, tmp_path):
    Project(old).close()
    Project(tmp_path / "new.red").close()

    def layout(path):
        db = sqlite3.connect(path)
        rows = db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        numbers = db.execute("PRAGMA application_id").fetchone()
        numbers += db.execute("PRAGMA user_version").fetchone()
        db.close()
        return sorted((kind, name, " ".join((sql or "").split())) for kind, name, sql in rows), (
            numbers
        )

    assert layout(old) == layout(tmp_path / "new.red")
