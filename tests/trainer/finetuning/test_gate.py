import numpy as np

from trainer.finetuning.gate import Errors, compare, judge


def errors(values):
    return Errors(np.array(values, float), np.zeros(len(values)))


def compared(old, change, spread=0.0, n=40):
    rng = np.random.default_rng(0)
    before = np.full(n, float(old)) + rng.normal(0, 1, n)
    return compare(errors(before), errors(before + change + rng.normal(0, spread, n)))


def test_better_here_and_as_good_elsewhere_is_offered():
    verdict = judge(compared(5, -1), compared(4, 0.0, spread=0.5))
    assert verdict.accepted
    assert "the error fell" in verdict.reason


def test_worse_on_the_held_out_frames_is_refused():
    verdict = judge(compared(5, 0.1), compared(4, -1))
    assert not verdict.accepted
    assert "didn't fall" in verdict.reason
    assert "before" in verdict.reason


def test_no_change_is_refused():
    assert not judge(compared(5, 0), compared(4, 0)).accepted


def test_worse_elsewhere_beyond_noise_is_refused_with_both_numbers():
    verdict = judge(compared(5, -1), compared(4, 0.3, spread=0.2))
    assert not verdict.accepted
    assert "rose beyond noise (3.94 % before" in verdict.reason
    assert "held-out frames (4.94 % before" in verdict.reason


def test_a_small_rise_elsewhere_is_tolerated_however_sure():
    rise = compared(4, 0.06)
    assert rise.low > 0
    assert judge(compared(5, -1), rise).accepted
    assert not judge(compared(5, -1), compared(4, 0.1)).accepted


def test_a_rise_within_noise_elsewhere_is_no_reason_to_refuse():
    rise = compared(4, 0.02, spread=1.0)
    assert rise.low < 0 < rise.high
    assert judge(compared(5, -1), rise).accepted


def test_few_held_out_faces_have_to_get_better_by_more_than_a_little():
    same = compared(4, 0)
    verdict = judge(compared(5, -0.05, n=1), same)
    assert not verdict.accepted
    assert "too little for so few" in verdict.reason
    assert "1 face)" in verdict.reason
    assert judge(compared(5, -0.5, n=1), same).accepted
    assert judge(compared(5, -0.05, n=4), same).accepted


def test_labels_that_no_face_explains_are_refused_and_it_is_said_where_to_look():
    same = compared(4, 0)
    verdict = judge(compared(72.6, -4.4), same)  # landmarks in mirrored order, measured
    assert not verdict.accepted
    assert "look at the corrected frames" in verdict.reason
    assert judge(compared(34, -7), same).accepted  # it learns
    assert judge(compared(34, -1), compared(33, 0)).accepted  # a poor model, here as elsewhere
    assert judge(compared(12, -0.5), same).accepted
