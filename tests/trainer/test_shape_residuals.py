import numpy as np
import pytest

from trainer.carry import Carriers
from trainer.shape_residuals import (
    MIRRORED,
    NEAR,
    SOMEBODY_ELSE,
    UNCHANGED,
    CorrectedFaces,
    ShapeResiduals,
)

SHAPE = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
OFF = np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
SIZE = np.sqrt(50)  # root mean square distance of SHAPE's corners from its centre


def known(*told, seen=SHAPE, people=None):
    seen = np.stack([seen] * len(told))
    return CorrectedFaces(np.stack(told), seen, tuple(people or ["Ada"] * len(told)))


def moved(faces, seen=SHAPE, person="Ada"):
    offset = ShapeResiduals(SHAPE, faces).offset(seen, person)
    return np.stack([offset.real, offset.imag], axis=-1)


def test_corrections_of_the_same_shape_count_against_faces_that_need_nothing():
    np.testing.assert_allclose(moved(known(SHAPE + OFF)), OFF / (1 + UNCHANGED), atol=1e-9)
    twice = known(SHAPE + OFF, SHAPE + 2 * OFF)
    np.testing.assert_allclose(moved(twice), 3 * OFF / (2 + UNCHANGED), atol=1e-9)


def test_somebody_elses_count_less():
    faces = known(SHAPE + OFF, people=["Ben"])
    expected = SOMEBODY_ELSE * OFF / (SOMEBODY_ELSE + UNCHANGED)
    np.testing.assert_allclose(moved(faces), expected, atol=1e-9)
    np.testing.assert_allclose(moved(faces, person=""), expected, atol=1e-9)


def test_the_offset_turns_and_grows_with_the_face_wherever_it_is():
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])  # (x, y) → (-y, x)
    seen = 3 * SHAPE @ quarter + (100, 50)
    np.testing.assert_allclose(
        moved(known(SHAPE + OFF), seen), 3 * OFF @ quarter / (1 + UNCHANGED), atol=1e-9
    )


def test_faces_of_another_shape_are_hardly_changed():
    # Opposite corners go out and in: centre, turn and, to first order, size stay.
    step = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    weights = [
        float(moved(known(SHAPE + OFF), SHAPE + apart * NEAR * SIZE * step)[0, 0])
        for apart in (0.0, 1.0, 4.0)
    ]
    near = np.exp(-0.5)
    assert weights[0] == pytest.approx(2 / (1 + UNCHANGED))
    assert weights[1] == pytest.approx(2 * near / (near + UNCHANGED), rel=0.1)
    assert abs(weights[2]) < 0.01


def test_what_was_corrected_on_one_side_holds_for_the_other_in_a_mirror():
    flip = (1, 0, 3, 2)
    lean = SHAPE + np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    mirrored = (lean * (-1, 1))[list(flip)] + (33, 7)  # in another place too
    off = np.array([[2.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    residuals = ShapeResiduals(SHAPE, known(lean + off, seen=lean), flip)
    offset = residuals.offset(mirrored, "Ada")
    direct = residuals.offset(lean, "Ada")
    assert direct[0] == pytest.approx(complex(2, 1) / (1 + UNCHANGED), rel=0.01)
    assert offset[1] == pytest.approx(complex(-2, 1) * MIRRORED / (MIRRORED + UNCHANGED), rel=0.05)
    np.testing.assert_allclose(offset[[0, 2, 3]], 0, atol=0.1)


def test_landmarks_that_nobody_told_stay():
    told = SHAPE + OFF
    told[0] = np.nan
    other = SHAPE + OFF
    result = moved(known(told, other))
    np.testing.assert_allclose(result[0], OFF[0] / (1 + UNCHANGED), atol=1e-9)
    np.testing.assert_allclose(result[2], 2 * OFF[2] / (2 + UNCHANGED), atol=1e-9)


def test_what_is_carried_in_time_is_what_the_shape_doesnt_tell():
    residuals = ShapeResiduals(SHAPE, known(SHAPE + OFF))
    carriers = Carriers(10, residuals, ["Ada"])
    carriers.add(5, 0, SHAPE + OFF, SHAPE)
    np.testing.assert_allclose(carriers.onto(5, 0, SHAPE), SHAPE + OFF, atol=1e-5)
    part = 1 / (1 + UNCHANGED)
    np.testing.assert_allclose(
        carriers.onto(15, 0, SHAPE) - SHAPE,
        (part + (1 - part) * np.exp(-1)) * OFF,
        atol=1e-5,
    )
    far = carriers.onto(10_000, 0, SHAPE) - SHAPE
    np.testing.assert_allclose(far, part * OFF, atol=1e-5)


def test_a_face_in_a_slot_without_a_name_is_somebody_else():
    carriers = Carriers(10, ShapeResiduals(SHAPE, known(SHAPE + OFF)), ["Ada"])
    np.testing.assert_allclose(
        carriers.onto(0, 1, SHAPE) - SHAPE,
        SOMEBODY_ELSE * OFF / (SOMEBODY_ELSE + UNCHANGED),
        atol=1e-5,
    )
