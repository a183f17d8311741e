import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.face_3d import FACE_3D
from trainer.label_shift import (
    LEAST_FACES,
    LEAST_GROUPS,
    Shift,
    learn_label_shift,
    measure_answers_below,
    measure_label_shift,
    measure_labels_below,
)
from trainer.metrics import interocular
from trainer.pose import rotation_of
from trainer.scheme import IBUG68

WIDTH = 200


def faces(count, *, seed=0, turned=lambda rng: rng.normal(0, 25)):
    """Projected heads in a picture WIDTH wide, and their rolls in degrees."""
    rng = np.random.default_rng(seed)
    out, rolls = [], []
    for _ in range(count):
        roll = rng.normal(0, 8)
        head = FACE_3D * [1, -1, -1] @ rotation_of(turned(rng), rng.normal(0, 5), roll).T
        size = 60 / np.ptp(FACE_3D[:, 0])
        out.append(head[:, :2] * size * rng.uniform(0.7, 1.5) + rng.uniform(80, 120, 2))
        rolls.append(roll)
    return np.array(out), np.radians(rolls)


def mirror_proof(answer):
    """The mean of an answer for each picture and of that for its mirror picture."""

    def both(truth):
        mirrored = answer(IBUG68.flip_landmarks(truth, WIDTH))
        return (answer(truth) + IBUG68.flip_landmarks(mirrored, WIDTH)) / 2

    return both


def names(count):
    return [str(n) for n in range(count)]


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-1.5, 1.5), down=st.floats(-1.5, 1.5), seed=st.integers(0, 99))
def test_what_a_network_learned_to_the_side_or_down_is_not_taken_for_the_labels_shift(
    shift, down, seed
):
    truth, _ = faces(60, seed=seed)
    answers = mirror_proof(lambda points: points + [1.3, down])(truth)
    found = measure_label_shift(answers, truth + shift, names(60))
    assert found.pixels == pytest.approx(shift, abs=1e-6)
    assert found.faces == 60


def test_a_network_that_errs_towards_the_middle_of_turned_faces_shifts_nothing():
    truth, _ = faces(200, turned=lambda rng: abs(rng.normal(0, 25)))  # all to one side

    def too_frontal(points):
        middle = points[:, [36, 45]].mean(axis=1, keepdims=True)
        return points - [0.15, 0] * (points.mean(axis=1, keepdims=True) - middle)

    found = measure_label_shift(mirror_proof(too_frontal)(truth), truth + 1.0, names(200))
    assert found.pixels == pytest.approx(1.0, abs=0.1)


def test_answers_too_low_on_the_face_are_not_a_shift_of_tilted_ones():
    truth, rolls = faces(200)
    down = np.stack([-np.sin(rolls), np.cos(rolls)], axis=1)[:, None]
    answers = truth + 1.5 * down
    assert measure_label_shift(answers, truth, names(200)).pixels == pytest.approx(0, abs=0.05)
    below = measure_answers_below(answers, truth, names(200))
    assert below.pixels == pytest.approx(1.5, abs=0.2)


def test_the_interval_holds_the_shift_and_narrows_with_more_faces():
    rng = np.random.default_rng(1)
    widths = []
    for count in (40, 640):
        truth, _ = faces(count)
        noise = rng.normal(0, 0.6, (count, 1, 2))
        found = measure_label_shift(truth, truth + 1 + noise, names(count))
        assert found.low < 1 < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2.5


def test_faces_not_found_unlabelled_or_failed_do_not_count():
    truth, _ = faces(50)
    answers, labels = truth.copy(), truth + 0.5
    answers[0] = np.nan
    labels[1] = np.nan
    labels[2] *= 1.4
    labels[3, :20] = np.nan
    labels[4, 36] = np.nan
    found = measure_label_shift(answers, labels, names(50))
    assert found.pixels == pytest.approx(0.5, abs=1e-6)
    assert found.faces == 46


def test_many_faces_of_few_people_say_nothing():
    truth, _ = faces(60)
    people = [str(n % LEAST_GROUPS) for n in range(60)]
    assert measure_label_shift(truth, truth + 1, people) is not None
    fewer = [str(n % (LEAST_GROUPS - 1)) for n in range(60)]
    assert measure_label_shift(truth, truth + 1, fewer) is None


def test_faces_that_all_look_to_the_same_side_alike_say_nothing():
    truth, _ = faces(1, turned=lambda rng: 30)
    alike = np.repeat(truth, 40, axis=0)
    assert measure_label_shift(alike, alike + 1, names(40)) is None


def test_a_large_face_needs_a_larger_shift():
    truth, _ = faces(60)
    large = truth * 5
    assert measure_label_shift(truth, truth + 0.3, names(60)).sure
    assert not measure_label_shift(large, large + 0.3, names(60)).sure


def test_too_few_faces_say_nothing():
    truth, _ = faces(LEAST_FACES)
    few = truth[:-1]
    assert measure_label_shift(few, few + 1, names(len(few))) is None
    assert measure_label_shift(truth, truth + 1, names(LEAST_FACES)) is not None


@pytest.mark.parametrize(
    ("low", "high", "sure"),
    [(0.5, 1.1, True), (-1.1, -0.5, True), (0.1, 1.1, False), (-0.3, 0.3, False)],
)
def test_only_a_shift_that_cannot_be_next_to_nothing_is_sure(low, high, sure):
    assert Shift((low + high) / 2, low, high, 50).sure is sure


def test_where_labels_lie_beside_answers_is_learned_on_both_axes_without_failures():
    answers, _ = faces(51)
    labels = answers + [1.25, -0.5]
    labels[:20] += 40  # failures
    assert learn_label_shift(answers, labels) == pytest.approx([1.25, -0.5], abs=1e-5)
    labels[20:22, 30:] = np.nan
    answers[22] = np.nan
    assert learn_label_shift(answers, labels) == pytest.approx([1.25, -0.5], abs=1e-5)


def test_how_far_labels_lie_below_answers_in_pixels_and_of_the_face():
    truth, _ = faces(60)
    answers = truth - (3, 0.8)
    answers[0, ::2] += 40  # a failure
    below = measure_labels_below(answers, truth, names(60))
    assert below.faces == 59
    assert below.pixels == pytest.approx(0.8)
    assert below.low == pytest.approx(below.high)
    size = interocular(truth)
    higher = truth - 0.02 * size.reshape(-1, 1, 1) * np.array([0, 1])
    part = measure_labels_below(higher, truth, names(60), relative=True)
    assert part.pixels == pytest.approx(0.02)
    assert part.sure
    assert measure_labels_below(answers[:5], truth[:5], names(5)) is None


def test_too_few_faces_teach_no_shift():
    answers, _ = faces(LEAST_FACES)
    assert learn_label_shift(answers, answers + 1) is not None
    answers[0] = np.nan
    assert learn_label_shift(answers, answers + 1) is None
