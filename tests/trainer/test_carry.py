import numpy as np
import pytest

from trainer.carry import CARRY_FRAMES, Carriers

SHAPE = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
OFF = np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


def test_what_a_correction_changed_fades_with_the_frames():
    carriers = Carriers()
    carriers.add(100, 0, SHAPE + OFF, SHAPE)
    for away in (1, 25, 100):
        for frame in (100 - away, 100 + away):
            moved = carriers.onto(frame, 0, SHAPE) - SHAPE
            np.testing.assert_allclose(moved, OFF * np.exp(-away / CARRY_FRAMES), atol=1e-5)


def test_between_two_corrections_neither_end_jumps():
    carriers = Carriers()
    carriers.add(10, 0, SHAPE + OFF, SHAPE)
    carriers.add(20, 0, SHAPE - OFF, SHAPE)
    parts = [(carriers.onto(n, 0, SHAPE) - SHAPE)[0, 0] / OFF[0, 0] for n in range(10, 21)]
    assert parts[0] == pytest.approx(1, abs=1e-5)
    assert parts[-1] == pytest.approx(-1, abs=1e-5)
    assert parts[5] == pytest.approx(0, abs=1e-5)
    assert (np.diff(parts) < 0).all()


def test_the_change_turns_and_grows_with_the_face():
    carriers = Carriers()
    carriers.add(0, 0, SHAPE + OFF, SHAPE)
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])  # (x, y) → (-y, x)
    moved = carriers.onto(0, 0, 2 * SHAPE @ quarter) - 2 * SHAPE @ quarter
    np.testing.assert_allclose(moved, 2 * OFF @ quarter, atol=1e-5)


def test_landmarks_left_to_the_network_and_other_faces_stay():
    carriers = Carriers()
    told = SHAPE + OFF
    told[0] = np.nan
    carriers.add(0, 0, told, SHAPE)
    assert (carriers.onto(1, 0, SHAPE)[0] == SHAPE[0]).all()
    assert (carriers.onto(1, 1, SHAPE) == SHAPE).all()


def test_nothing_is_carried_where_that_is_off():
    carriers = Carriers(0)
    carriers.add(0, 0, SHAPE + OFF, SHAPE)
    assert (carriers.onto(1, 0, SHAPE) == SHAPE).all()
