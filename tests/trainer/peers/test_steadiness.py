"""Jitter and lag, by hand."""

import numpy as np
import pytest

from trainer.metrics import accelerations, jitter, lag


def moving(x):
    """A face of interocular distance 10 that moves by ``x`` to the right."""
    face = np.random.default_rng(0).random((68, 2)) * 10
    face[36], face[45] = (0, 0), (10, 0)
    return face + np.stack([x, np.zeros_like(x)], axis=-1)[:, None]


def test_rest_and_steady_motion_have_no_jitter():
    assert jitter(moving(np.zeros(5))) == pytest.approx(0)
    assert jitter(moving(3.0 * np.arange(5))) == pytest.approx(0, abs=1e-9)


def test_jitter_by_hand():
    # x: 0 1 0 0; accelerations -2 and 1 pixels of 10: 20 % and 10 %.
    values = moving(np.array([0.0, 1.0, 0.0, 0.0]))
    np.testing.assert_allclose(accelerations(values), [20, 10])
    assert jitter(values) == pytest.approx(15)
    assert jitter(values, np.full(4, 20.0)) == pytest.approx(7.5)


def test_frames_without_a_face_are_left_out():
    values = moving(np.array([0.0, 1.0, 0.0, 0.0, 7.0, 0.0]))
    values[4] = np.nan
    assert jitter(values) == pytest.approx(15)
    assert np.isnan(jitter(values[3:]))
    assert np.isnan(jitter(values[:2]))


@pytest.mark.parametrize("delay", [-2.0, 0.0, 0.5, 1.0, 2.3])
def test_lag_finds_the_delay_to_a_part_of_a_frame(delay):
    t = np.arange(80.0)

    def way(at):
        return 5 * np.sin(0.25 * at) + 3 * np.sin(0.11 * at + 1)

    assert lag(moving(way(t - delay)) + 4, moving(way(t))) == pytest.approx(delay, abs=0.03)


def test_a_filter_comes_late_by_what_it_should():
    rng = np.random.default_rng(1)
    x = np.cumsum(np.convolve(rng.normal(size=400), np.ones(15) / 15, "same"))
    late = 0.5 * x + 0.5 * np.concatenate([x[:1], x[:-1]])  # by half a frame
    assert lag(moving(late), moving(x)) == pytest.approx(0.5, abs=0.05)


def test_lag_of_what_doesnt_move_or_is_too_short_is_unknown():
    assert np.isnan(lag(moving(np.zeros(60)), moving(np.zeros(60))))
    assert np.isnan(lag(moving(np.arange(9.0)), moving(np.arange(9.0))))


def test_lag_bears_frames_without_a_face():
    t = np.arange(80.0)
    predicted = moving(5 * np.sin(0.3 * (t - 1)))
    predicted[[20, 50, 51]] = np.nan
    assert lag(predicted, moving(5 * np.sin(0.3 * t))) == pytest.approx(1, abs=0.05)
