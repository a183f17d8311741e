import numpy as np
import pytest

from trainer.peers.offset import apply_offset, face_frame, learn_offset


def face(scale=1.0, angle=0.0, move=(0, 0)):
    points = np.random.default_rng(0).random((68, 2)) * 2
    points[36], points[45] = (0, 0), (2, 0)
    c, s = np.cos(angle), np.sin(angle)
    return scale * points @ np.array([[c, s], [-s, c]]) + move


def test_the_frame_is_the_eye_corners():
    np.testing.assert_allclose(face_frame(face(5)), [[10, 0], [0, 10]])
    np.testing.assert_allclose(face_frame(face(5, np.pi / 2)), [[0, -10], [10, 0]], atol=1e-9)


def test_an_offset_by_hand():
    truth = face(10)[None]
    predicted = truth.copy()
    predicted[0, 8] -= (4, -6)  # interocular distance 20
    offset = learn_offset(predicted, truth)
    np.testing.assert_allclose(offset[8], [0.2, -0.3])
    np.testing.assert_allclose(np.delete(offset, 8, axis=0), 0)


def test_an_offset_turns_and_grows_with_the_face():
    shift = np.zeros((68, 2))
    shift[8] = (0.1, 0.2)
    learnt = learn_offset(face(10)[None], apply_offset(face(10), shift)[None])
    np.testing.assert_allclose(learnt, shift, atol=1e-5)
    turned = apply_offset(face(3, np.pi / 2, (50, 60)), learnt) - face(3, np.pi / 2, (50, 60))
    np.testing.assert_allclose(turned[8], [-0.2 * 6, 0.1 * 6], atol=1e-4)


def test_one_wild_face_doesnt_move_it_and_missing_ones_dont_count():
    truth = np.stack([face(10)] * 5)
    predicted = truth + (2, 0)
    predicted[3] += 500
    predicted[4] = np.nan
    np.testing.assert_allclose(learn_offset(predicted, truth)[0], [-0.1, 0], atol=1e-9)
    assert np.isnan(apply_offset(predicted, learn_offset(predicted, truth))[4]).all()


def test_without_faces_there_is_no_offset():
    nothing = np.full((2, 68, 2), np.nan)
    assert learn_offset(nothing, nothing) == pytest.approx(np.zeros((68, 2)))
