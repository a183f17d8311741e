"""The frame round a face, and the camera that follows it."""

import numpy as np
import pytest

from napari_red.core.face_tool import FaceFrame, dragged
from napari_red.core.follow import FILLS, follow


@pytest.fixture
def face(made_truth) -> np.ndarray:
    return made_truth(0)[:, ::-1].astype(float)


def test_a_drag_begins_at_a_handle_inside_or_nowhere(face):
    frame = FaceFrame.around(face)
    assert frame.part_at(frame.knob + 1, 2) == "turn"
    for corner in frame.corners:
        assert frame.part_at(corner + 1, 2) == "scale"
    assert frame.part_at(frame.centre, 2) == "move"
    assert frame.part_at(frame.low - 10, 2) is None


def test_too_few_points_have_no_frame(face):
    assert FaceFrame.around(face[:1]) is None


def test_moving_turning_and_scaling(face):
    frame = FaceFrame.around(face)
    moved = dragged(face, "move", frame, frame.centre, frame.centre + (3, -2))
    np.testing.assert_allclose(moved, face + (3, -2), atol=1e-4)

    quarter = frame.centre + (0, frame.centre[0] - frame.knob[0])
    turned = dragged(face, "turn", frame, frame.knob, quarter) - frame.centre
    before = face - frame.centre
    np.testing.assert_allclose(turned, np.column_stack([before[:, 1], -before[:, 0]]), atol=1e-3)

    for corner, fixed in zip(frame.corners, np.roll(frame.corners, 2, axis=0), strict=True):
        scaled = dragged(face, "scale", frame, corner, fixed + 0.5 * (corner - fixed))
        np.testing.assert_allclose(scaled - fixed, 0.5 * (face - fixed), atol=1e-3)


def test_a_face_is_never_scaled_to_nothing(face):
    frame = FaceFrame.around(face)
    scaled = dragged(face, "scale", frame, frame.corners[0], frame.corners[2])
    assert np.ptp(scaled, axis=0).min() > 1


def test_the_camera_jumps_far_and_glides_near(face):
    canvas = (600.0, 800.0)
    centre, zoom = follow(face, canvas, (0.0, 0.0), 1.0, near=False)
    np.testing.assert_allclose(centre, (face.min(axis=0) + face.max(axis=0)) / 2)
    fills = zoom * np.ptp(face, axis=0) / canvas
    assert fills.max() == pytest.approx(FILLS)

    later, same = follow(face + (0, 10), canvas, centre, zoom, near=True)
    assert same == zoom
    assert 0 < later[1] - centre[1] < 10
    for _ in range(20):
        later, zoom = follow(1.6 * face, canvas, later, zoom, near=True)
    np.testing.assert_allclose(later, 0.8 * (face.min(axis=0) + face.max(axis=0)), atol=1.0)
    assert (zoom * np.ptp(1.6 * face, axis=0) / canvas).max() < FILLS * 1.3
