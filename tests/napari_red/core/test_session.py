import os
from pathlib import Path

import numpy as np
import pytest

from napari_red.core import places, sample
from napari_red.core.edits import accept_up_to
from napari_red.core.prealign import Settings, prealign
from napari_red.core.project import ProjectError
from napari_red.core.session import Session
from trainer.data.video import open_video


@pytest.fixture
def opened(video_path):
    with open_video(video_path) as video:
        yield video


@pytest.fixture
def aligned(opened, make_aligner):
    """A session whose video has been pre-annotated."""
    with Session(opened) as session:
        prealign(session, make_aligner(), Settings("made", faces=2))
        yield session


def again(session: Session) -> Session:
    """The same video, opened as another program start would."""
    session.close()
    return Session(session.video)


def test_looking_at_a_video_makes_no_file(opened, video_path):
    with Session(opened) as session:
        assert session.view(3).landmarks.shape == (0, 68, 2)
        assert session.project_path == video_path.with_suffix(".red")
    assert not video_path.with_suffix(".red").exists()


def test_the_project_file_appears_beside_the_video(aligned, video_path):
    assert video_path.with_suffix(".red").exists()


def test_predictions_are_shown_with_their_confidence(aligned, made_truth):
    view = aligned.view(5)
    np.testing.assert_array_equal(view.landmarks[1], made_truth(5, 1))
    assert view.confidence[0, 0] == pytest.approx(0.9, abs=1 / 255)
    assert view.visible.all()
    assert not view.corrected.any()


def test_a_moved_landmark_wins_over_the_prediction(aligned, made_truth):
    aligned.move(5, 1, {30: (1.5, 2.5)})
    view = aligned.view(5)
    assert view.landmarks[1, 30].tolist() == [1.5, 2.5]
    np.testing.assert_array_equal(view.landmarks[1, 29], made_truth(5, 1)[29])
    assert view.corrected.sum() == 1
    assert view.corrected[1, 30]
    assert view.confidence[1, 30] == 1


def test_corrections_survive_closing_and_reopening(aligned):
    aligned.move(5, 1, {30: (1.5, 2.5), 31: (3, 4)})
    aligned.hide(6, 0, [8])
    before = [aligned.view(f) for f in range(aligned.n_frames)]
    with again(aligned) as session:
        for old in before:
            new = session.view(old.frame)
            for name in ("landmarks", "confidence", "corrected", "hidden"):
                np.testing.assert_array_equal(getattr(new, name), getattr(old, name))


def test_a_hidden_landmark_keeps_its_place_in_the_order(aligned, made_truth):
    aligned.hide(6, 0, [8, 9])
    view = aligned.view(6)
    assert np.flatnonzero(~view.visible[0]).tolist() == [8, 9]
    np.testing.assert_array_equal(view.landmarks[0], made_truth(6))
    aligned.show_all(6)
    assert aligned.view(6).visible.all()


def test_moving_a_hidden_landmark_shows_it(aligned):
    aligned.hide(6, 0, [8])
    aligned.move(6, 0, {8: (5, 5)})
    assert aligned.view(6).visible.all()


def test_undo_and_redo_go_through_all_edits_and_survive_reopening(aligned):
    aligned.move(5, 0, {30: (1, 1)})
    aligned.move(5, 0, {30: (2, 2)})
    aligned.hide(7, 1, [3])
    assert aligned.undo() == 7
    assert aligned.view(7).visible.all()
    with again(aligned) as session:
        assert session.undo() == 5
        assert session.view(5).landmarks[0, 30].tolist() == [1, 1]
        assert session.undo() == 5
        assert not session.view(5).corrected.any()
        assert session.undo() is None
        assert [session.redo() for _ in range(4)] == [5, 5, 7, None]
        assert session.view(5).landmarks[0, 30].tolist() == [2, 2]
        assert not session.view(7).visible.all()


def test_undo_and_redo_tell_the_frame_of_the_edit_that_is_nearest(aligned):
    accept_up_to(aligned, 10)
    assert aligned.undo(near=4) == 4
    assert aligned.redo(near=20) == 10
    assert aligned.undo() == 0


def test_a_new_edit_ends_what_could_be_redone(aligned):
    aligned.move(5, 0, {30: (1, 1)})
    aligned.undo()
    aligned.move(6, 0, {30: (1, 1)})
    assert aligned.redo() is None


def test_an_edit_that_changes_nothing_is_none(aligned):
    aligned.move(5, 0, {30: (1, 1)})
    aligned.move(5, 0, {30: (1, 1)})
    aligned.undo()
    assert not aligned.view(5).corrected.any()


def test_another_run_leaves_corrected_frames_alone_and_uses_them(aligned, make_aligner, made_truth):
    aligned.move(5, 1, {30: (1.5, 2.5)})
    aligner = make_aligner(offset=10.0)
    prealign(aligned, aligner, Settings("made", faces=2))
    (given,) = aligner.calls[-1]["corrections"].items()
    assert given[0] == (5, 1)
    assert given[1][30].tolist() == [1.5, 2.5]
    np.testing.assert_array_equal(aligned.view(5).landmarks[1, 29], made_truth(5, 1)[29])
    np.testing.assert_array_equal(aligned.view(5).landmarks[0], made_truth(5) + 10)
    with again(aligned) as session:
        np.testing.assert_array_equal(session.view(5).landmarks[1, 29], made_truth(5, 1)[29])
        np.testing.assert_array_equal(session.view(6).landmarks[1], made_truth(6, 1) + 10)


def test_listeners_hear_which_frames_changed(aligned):
    heard = []
    aligned.listeners.append(lambda *frames: heard.append(frames))
    aligned.move(5, 0, {1: (2, 2)})
    assert heard == [(5, 5)]


def test_a_moved_video_finds_its_landmarks(aligned, video_path, tmp_path):
    aligned.move(5, 0, {30: (1, 1)})
    aligned.close()
    home = tmp_path / "moved"
    home.mkdir()
    for path in (video_path, video_path.with_suffix(".red")):
        path.rename(home / path.name)
    with open_video(home / video_path.name) as video, Session(video) as session:
        assert session.view(5).corrected.any()
        assert session.opened()[1].path == str(home / video_path.name)


def test_a_changed_video_starts_anew_and_says_so(aligned, video_path, make_video):
    aligned.move(5, 0, {30: (1, 1)})
    aligned.close()
    make_video(video_path, n_frames=12)
    with open_video(video_path) as video, Session(video) as session:
        assert session.n_faces == 0
        assert any("has changed since it was annotated" in w for w in session.warnings)
        session.opened()
        assert len(session.opened()[0].videos()) == 2


def test_where_the_folder_cannot_be_written_the_project_goes_among_the_persons_own_data(
    opened, make_aligner, monkeypatch, tmp_path, video_path
):
    real = places.Project

    def project(path, *options):
        if Path(path).parent == video_path.parent:
            raise ProjectError(f"{path}: can't be used as a project file.")
        return real(path, *options)

    monkeypatch.setattr(places, "Project", project)
    monkeypatch.setattr(places.platformdirs, "user_data_path", lambda _: tmp_path / "own")
    with Session(opened) as session:
        prealign(session, make_aligner(), Settings("made"))
        session.move(5, 0, {30: (1, 1)})
        assert session.project_path.is_relative_to(tmp_path / "own")
        assert any("Meanwhile the landmarks are kept in" in w for w in session.warnings)
    with Session(opened) as session:
        assert session.view(5).corrected.any()


def test_a_project_that_cannot_be_written_is_copied_first(
    aligned, monkeypatch, tmp_path, video_path
):
    aligned.move(5, 0, {30: (1, 1)})
    aligned.close()
    red = video_path.with_suffix(".red")
    before = red.read_bytes()
    monkeypatch.setattr(places.platformdirs, "user_data_path", lambda _: tmp_path / "own")
    monkeypatch.setattr(
        places.os, "access", lambda path, mode: Path(path).parent != video_path.parent
    )
    with Session(aligned.video) as session:
        session.move(6, 0, {30: (1, 1)})
        assert session.view(5).corrected.any()
    assert red.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="file modes")
def test_a_folder_of_frames_gets_its_project_beside_it(tmp_path):
    assert places.beside(tmp_path) == tmp_path.parent / f"{tmp_path.name}.red"


def test_a_face_that_is_never_found_gets_no_track(opened, make_aligner):
    with Session(opened) as session:
        lost = {(frame, 1) for frame in range(24)}
        prealign(session, make_aligner(lost=lost), Settings("made", faces=2))
        assert session.n_faces == 1


def test_the_samples_project_is_never_in_the_package():
    path = sample.SAMPLE_FOLDER / sample.VIDEO_NAME
    (place,) = places.default_places(path, "print")
    assert not place.is_relative_to(sample.SAMPLE_FOLDER.parent)
