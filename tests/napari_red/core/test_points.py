import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_red.core import points
from trainer.geometry import FaceBox
from trainer.scheme import IBUG68, POINTS7


@given(arrays(np.float32, (2, 68, 2), elements=st.floats(-50, 4000, width=32)))
def test_landmarks_survive_the_way_to_napari_and_back(landmarks):
    data, labelled = points.to_napari(landmarks)
    assert labelled.all()
    np.testing.assert_array_equal(points.from_napari(data, 68), landmarks)


def test_napari_gets_y_before_x():
    landmarks = np.zeros((1, 7, 2), np.float32)
    landmarks[0, 3] = (30, 5)
    assert points.to_napari(landmarks)[0][3].tolist() == [5, 30]


def test_unlabelled_landmarks_keep_their_place_and_are_finite():
    landmarks = np.ones((2, 68, 2), np.float32)
    landmarks[1, 4] = np.nan
    data, labelled = points.to_napari(landmarks)
    assert data.shape == (136, 2)
    assert np.isfinite(data).all()
    assert np.flatnonzero(~labelled).tolist() == [68 + 4]


def test_what_napari_gets_is_a_copy():
    landmarks = np.ones((1, 68, 2), np.float32)
    data, _ = points.to_napari(landmarks)
    data[:] = 9
    assert (landmarks == 1).all()


def test_a_point_of_the_layer_knows_its_face_and_landmark():
    assert points.face_and_landmark(68 * 2 + 36, 68) == (2, 36)


def test_a_box_survives_the_way_to_napari_and_back():
    box = FaceBox(10, 20, 30, 40)
    corners = points.box_to_napari(box)
    assert corners[0].tolist() == [20, 10]
    assert points.box_from_napari(corners) == box


def test_contours_join_neighbours_and_close_eyes_and_mouth():
    pairs = {tuple(pair) for pair in points.segment_indices(IBUG68).tolist()}
    assert len(pairs) == 16 + 4 + 4 + 3 + 4 + 6 + 6 + 12 + 8
    assert {(0, 1), (41, 36), (47, 42), (59, 48), (67, 60)} <= pairs
    assert (16, 17) not in pairs


def test_a_contour_line_starts_at_one_landmark_and_ends_at_the_next():
    landmarks = np.random.default_rng(0).uniform(0, 100, (2, 7, 2)).astype(np.float32)
    data, _ = points.to_napari(landmarks)
    segments = points.segment_indices(POINTS7)
    vectors = points.contour_vectors(data, segments, 7)
    a, b = segments[0]
    np.testing.assert_allclose(vectors[0, 0], landmarks[0, a, ::-1], rtol=1e-6)
    np.testing.assert_allclose(vectors[0].sum(axis=0), landmarks[0, b, ::-1], rtol=1e-5)
    np.testing.assert_allclose(vectors[len(segments), 0], landmarks[1, a, ::-1], rtol=1e-6)


def test_moved_points_are_told_by_face_and_landmark_as_xy():
    before = np.zeros((136, 2))
    after = before.copy()
    after[3], after[68 + 5] = (4, 9), (1, 2)
    assert points.by_face([3, 73, 0], 68) == {0: [3, 0], 1: [5]}
    assert points.moved_places(after, before, 68) == {0: {3: (9.0, 4.0)}, 1: {5: (2.0, 1.0)}}
    assert points.moved_places(before, before, 68) == {}
