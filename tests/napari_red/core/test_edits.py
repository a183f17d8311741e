import numpy as np
import pytest
from two_faces import L, predict, session, shape

from napari_red.core import edits
from napari_red.core.blank_video import BlankVideo
from napari_red.core.edits import EditError
from napari_red.core.feature_store import FeatureStore
from napari_red.core.overview import overview_of
from napari_red.core.project import ProjectError
from napari_red.core.records import Prediction
from napari_red.core.reviewed import Reviewed
from napari_red.core.session import Session
from napari_red.core.video_list import standings

__all__ = ["session"]


def test_transform_turns_clockwise_scales_and_moves_about_a_point():
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]])
    turned = edits.transform(square, turn=90)
    np.testing.assert_allclose(turned, [[2, 0], [2, 2], [0, 2], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(edits.transform(square, scale=2)[0], [-1, -1])
    np.testing.assert_allclose(edits.transform(square, scale=2, about=(0, 0))[2], [4, 4])
    np.testing.assert_allclose(edits.transform(square, move=(1, -1))[0], [1, -1])
    assert turned.dtype == np.float32


def test_copying_takes_the_landmarks_of_another_frame_and_marks_them_as_placed(session):
    session.move(10, 0, {3: (50, 60)})
    edits.copy_from(session, 10, 11, 0)
    np.testing.assert_array_equal(session.view(11).landmarks[0], session.view(10).landmarks[0])
    assert session.view(11).corrected[0].all()
    assert session.undo() == 11
    np.testing.assert_array_equal(session.view(11).landmarks[0], shape(11))


def test_copying_takes_what_is_not_visible_along_and_leaves_what_is_not_here(session):
    session.hide(10, 0, range(3))
    session.move(11, 0, {6: (50, 60)})
    session.hide(11, 0, [4, 5])
    edits.copy_from(session, 10, 11, 0)
    view = session.view(11)
    assert np.flatnonzero(view.hidden[0]).tolist() == [*range(3), 4, 5]
    np.testing.assert_array_equal(view.landmarks[0], session.view(10).landmarks[0])
    assert session.undo() == 11
    assert np.flatnonzero(session.view(11).hidden[0]).tolist() == [4, 5]
    edits.copy_from(session, 10, 12, 0)
    edits.copy_from(session, 11, 13, 0)
    assert np.flatnonzero(session.view(12).hidden[0]).tolist() == list(range(3))
    steps = session.can_undo()
    edits.copy_from(session, 11, 13, 0)
    assert session.can_undo() == steps, "a copy of the same is no edit"


def test_copying_from_a_frame_without_the_face_is_refused(session):
    with pytest.raises(EditError, match="frame 501: face 1 has no landmarks there to copy"):
        edits.copy_from(session, 500, 11, 0)


def test_interpolated_frames_lie_on_a_line_and_are_predictions(session):
    session.move(10, 0, dict(enumerate(map(tuple, shape(0).tolist()))))
    session.move(20, 0, dict(enumerate(map(tuple, shape(100).tolist()))))
    assert edits.interpolate(session, 13, 0) == (10, 20)
    for frame in range(11, 20):
        view = session.view(frame)
        np.testing.assert_allclose(view.landmarks[0], shape(10 * (frame - 10)), atol=1 / 64)
        assert not view.corrected.any()
    models = session.project.run_models(session.video_id)
    assert models[int(session.view(15).run[0])] == edits.INTERPOLATED
    np.testing.assert_array_equal(session.view(21).landmarks[0], shape(21))
    session.undo()
    np.testing.assert_array_equal(session.view(15).landmarks[0], shape(15))


def test_interpolating_leaves_accepted_frames(session):
    session.move(10, 0, {0: (0, 0)})
    session.move(20, 0, {0: (90, 90)})
    edits.accept(session, 15)
    edits.interpolate(session, 15, 0)
    np.testing.assert_array_equal(session.view(15).landmarks[0], shape(15))


@pytest.mark.parametrize(("frame", "side"), [(5, "before"), (15, "after")])
def test_interpolating_without_a_corrected_frame_on_one_side_is_refused(session, frame, side):
    session.move(10, 0, {0: (0, 0)})
    with pytest.raises(EditError, match=f"no corrected frame {side} this one"):
        edits.interpolate(session, frame, 0)


def test_accepting_holds_the_frame_against_models_until_it_is_taken_back(session):
    edits.accept(session, 10)
    predict(session, range(9, 12), offset=1000)
    np.testing.assert_array_equal(session.view(10).landmarks[0], shape(10))
    np.testing.assert_array_equal(session.view(11).landmarks[0], shape(1011))
    edits.unaccept(session, 10)
    predict(session, range(9, 12), offset=2000)
    np.testing.assert_array_equal(session.view(10).landmarks[0], shape(2010))


def test_one_face_can_be_accepted_alone(session):
    edits.accept(session, 10, [1])
    assert session.view(10).accepted.tolist() == [False, True]


@pytest.mark.parametrize("frame", [0, 127, 1023, 1024, 2047, 2099])
def test_accepting_up_to_a_frame_takes_in_that_frame_and_no_more(session, frame):
    edits.accept_up_to(session, frame)
    assert session.view(0).accepted.all()
    assert session.view(frame).accepted.all()
    if frame + 1 < session.n_frames:
        assert not session.view(frame + 1).accepted.any()
    assert session.track(0).accepted.count == frame + 1
    assert session.undo() is not None
    assert session.track(0).accepted.count == 0


def test_accepting_twice_is_one_step(session):
    edits.accept(session, 10)
    edits.accept(session, 10)
    assert session.can_undo() == (1, 0)


def test_counts_tell_accepted_corrected_and_left_once_each(session):
    assert edits.counts(session) == Reviewed(0, 0, 2100)
    edits.accept_up_to(session, 9)
    edits.accept(session, 20, [0])  # one face of two is not the frame
    session.move(5, 0, {1: (1, 1)})
    session.move(30, 1, {1: (1, 1)})
    session.hide(30, 0, [2])
    assert edits.counts(session) == Reviewed(10, 2, 2100 - 11)


def test_a_frame_is_left_until_each_of_its_faces_is_accepted_or_corrected(session):
    """In the counts, the list of videos and the strip alike."""
    for frame in range(5):
        session.move(frame, 0, {1: (1, 1)})
    edits.accept(session, 0, [1])
    session.move(1, 1, {1: (1, 1)})
    edits.accept(session, 2, [0])
    edits.accept(session, 6, [1])
    project, _ = session.opened()
    overview = overview_of(session, FeatureStore(project), session.n_frames)()
    assert edits.counts(session) == Reviewed(0, 5, 2100 - 2)
    assert [one.reviewed for one in standings(project)] == [edits.counts(session)]
    assert np.flatnonzero(overview.columns.accepted).tolist() == [0, 1]


def test_counts_without_a_face_are_zero(tmp_path):
    (tmp_path / "w.mp4").write_bytes(b"a video")
    with Session(BlankVideo(tmp_path / "w.mp4", 50)) as session:
        assert edits.counts(session) == Reviewed(0, 0, 50)


def test_replacing_predictions_is_one_step_and_spares_what_a_person_did(session):
    session.move(130, 0, {1: (1, 1)})
    edits.accept(session, 131)
    run = session.start_run("again", "cpu")
    new = [Prediction(f, shape(5000 + f), np.ones(L, np.float32)) for f in range(120, 140)]
    step = edits.write_predictions(session, 0, run, new, "re-track")
    assert (step.first, step.last) == (120, 139)
    np.testing.assert_array_equal(session.view(129).landmarks[0], shape(5129))
    np.testing.assert_array_equal(session.view(130).landmarks[0, 2], shape(130)[2])
    np.testing.assert_array_equal(session.view(131).landmarks[0], shape(131))
    assert session.undo() == 120
    np.testing.assert_array_equal(session.view(129).landmarks[0], shape(129))
    assert session.redo() == 120
    np.testing.assert_array_equal(session.view(129).landmarks[0], shape(5129))


def test_undo_keeps_what_a_model_has_said_since(session):
    session.move(10, 0, {0: (0, 0)})
    session.move(20, 0, {0: (90, 90)})
    edits.interpolate(session, 15, 0)
    between = session.view(13).landmarks[0].copy()
    predict(session, [15], offset=1000)
    session.undo()
    np.testing.assert_array_equal(session.view(15).landmarks[0], shape(1015))
    np.testing.assert_array_equal(session.view(13).landmarks[0], shape(13))
    session.redo()
    np.testing.assert_array_equal(session.view(15).landmarks[0], shape(1015))
    np.testing.assert_array_equal(session.view(13).landmarks[0], between)


def test_undo_keeps_frames_that_a_model_has_lost_since(session):
    session.move(270, 0, {0: (0, 0)})
    session.move(299, 0, {0: (90, 90)})
    edits.interpolate(session, 280, 0)
    run = session.start_run("made", "cpu")
    lost = np.full((L, 2), np.nan, np.float32)
    chunk = range(256, 299)
    session.store(run, [(0, Prediction(f, lost, np.zeros(L, np.float32))) for f in chunk])
    session.undo()
    assert np.isnan(session.view(280).landmarks[0]).all()


def test_a_model_of_another_scheme_is_refused_before_anything_is_stored(session):
    run = session.start_run("other", "cpu")
    wrong = Prediction(3, np.ones((68, 2), np.float32), np.ones(68, np.float32))
    for face in (0, 5):
        with pytest.raises(ProjectError, match="has 7 landmarks and the model finds 68"):
            session.store(run, [(face, wrong)])
    assert session.n_faces == 2
