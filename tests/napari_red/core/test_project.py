import sqlite3
import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_red.core.project import Project, ProjectError
from napari_red.core.records import Correction, Prediction

VIDEO = {"n_frames": 10, "height": 120, "width": 160, "fps": 25.0}


def prediction(frame: int, value: float = 1.0) -> Prediction:
    return Prediction(frame, np.full((68, 2), value, np.float32), np.full(68, 0.5, np.float32))


def correction(index: int = 3, xy=(7.5, 8.25)) -> Correction:
    made = Correction.empty(68)
    made.landmarks[index] = xy
    return made


def correct(project: Project, track, frame: int, made: Correction | None):
    return project.edit(
        {("correction", track.id, frame): None if made is None else made.to_bytes()},
        video_id=track.video_id,
        label="move",
        frames=(frame, frame),
    )


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p.red") as project:
        yield project


@pytest.fixture
def track(project):
    video = project.add_video("/videos/a.mp4", "print-a", **VIDEO)
    return project.add_track(video.id, 0, 68)


def test_what_is_written_is_there_after_reopening(project, track):
    run = project.start_run(track.video_id, "red-lite", "cpu")
    project.write_predictions(run, [(track.id, prediction(2, 5.0))])
    correct(project, track, 4, correction())
    project.close()
    with Project(project.path) as again:
        (found,) = again.predictions(track.id)
        assert found.frame == 2
        assert (found.landmarks == 5).all()
        assert np.allclose(found.confidence, 0.5, atol=1 / 255)
        corrected = again.corrections(track.id)[4]
        assert corrected.landmarks[3].tolist() == [7.5, 8.25]
        assert np.isnan(corrected.landmarks[5]).all()
        assert again.videos()[0].fps == 25


def test_a_model_never_overwrites_a_corrected_frame(project, track):
    run = project.start_run(track.video_id, "red-lite", "cpu")
    project.write_predictions(run, [(track.id, prediction(4, 1.0))])
    correct(project, track, 4, correction())
    project.write_predictions(run, [(track.id, prediction(f, 2.0)) for f in (3, 4, 5)])
    values = {p.frame: p.landmarks[0, 0] for p in project.predictions(track.id)}
    assert values == {3: 2.0, 4: 1.0, 5: 2.0}
    assert project.corrections(track.id)[4].landmarks[3, 0] == 7.5


def test_a_face_lost_in_a_later_run_loses_its_old_prediction(project, track):
    run = project.start_run(track.video_id, "red-lite", "cpu")
    project.write_predictions(run, [(track.id, prediction(4))])
    project.write_predictions(run, [(track.id, prediction(4, np.nan))])
    assert project.predictions(track.id) == []


def test_taking_a_correction_back_leaves_the_prediction(project, track):
    run = project.start_run(track.video_id, "red-lite", "cpu")
    project.write_predictions(run, [(track.id, prediction(4))])
    correct(project, track, 4, correction())
    correct(project, track, 4, None)
    assert project.corrections(track.id) == {}
    assert len(project.predictions(track.id)) == 1


def test_the_history_keeps_before_and_after_of_every_edit(project, track):
    correct(project, track, 4, correction(3))
    correct(project, track, 4, correction(5))
    first, second = project.steps(track.video_id)
    ((before,), (after,)) = project.changes(first.id), project.changes(second.id)
    assert before.before is None
    assert after.before == before.after
    assert Correction.from_bytes(after.after).moved.nonzero()[0].tolist() == [5]
    assert first.who == project.who


def test_the_history_only_grows(project, track):
    correct(project, track, 4, correction())
    project.close()
    db = sqlite3.connect(project.path)
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        db.execute("DELETE FROM steps")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        db.execute("UPDATE changes SET b = 9")
    db.close()


def test_foreign_keys_are_checked(project, track):
    with pytest.raises(ProjectError, match="FOREIGN KEY"):
        correct(project, replace(track, id=99), 0, correction())


def test_the_journal_is_one_that_leaves_a_single_file(project, track):
    correct(project, track, 4, correction())
    project.close()
    assert sorted(p.name for p in project.path.parent.iterdir()) == ["p.red"]


def test_a_moved_video_is_the_same_video(project, track):
    moved = project.add_video("/elsewhere/b.mp4", "print-a", **VIDEO)
    assert moved.id == track.video_id
    assert [v.path for v in project.videos()] == ["/elsewhere/b.mp4"]


def test_another_number_of_landmarks_is_refused_with_advice(project, track):
    with pytest.raises(ProjectError, match="68 landmarks and the model finds 7"):
        project.add_track(track.video_id, 0, 7)


def test_every_thread_may_write(project, track):
    def write(first: int) -> None:
        for frame in range(first, 10, 2):
            correct(project, track, frame, correction())

    threads = [threading.Thread(target=write, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(project.corrections(track.id)) == list(range(10))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a database at all" * 50, "damaged or no .red file"),
        (b"SQLite format 3\0" + b"x" * 900, "can.t be used as a project file"),
    ],
)
def test_a_file_that_is_no_project_says_so(tmp_path, content, message):
    path = tmp_path / "x.red"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match=message):
        Project(path)


def test_another_database_is_left_alone(tmp_path):
    path = tmp_path / "x.red"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (a)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(ProjectError, match="no project of this program"):
        Project(path)
    assert path.read_bytes() == before


def test_a_newer_file_asks_for_an_update(project):
    project.close()
    db = sqlite3.connect(project.path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ProjectError, match="update napari-red"):
        Project(project.path)


def test_a_folder_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(ProjectError, match="that you may write to"):
        Project(tmp_path / "none" / "p.red")
