from types import SimpleNamespace

import numpy as np
import pytest
import torch
from training_fixtures import made_faces

from trainer.validation import best_combination, centre_crops, validation_errors

FACES = made_faces(6)


class TwoEstimates:
    """Response maps that are off by one amount and a regression off by another, in x."""

    mean_shape = torch.zeros(7, 2)

    def __init__(self, maps, regression):
        self.maps, self.regression = maps, regression

    def align(self, images, *, with_regression):
        crops, truth = centre_crops(FACES)
        assert np.array_equal(images.numpy(), crops)
        truth = torch.from_numpy(truth)
        return SimpleNamespace(
            per_step=torch.stack([truth + torch.tensor([d, 0.0]) for d in self.maps]),
            regression=truth + torch.tensor([self.regression, 0.0]),
        )


def test_each_estimate_has_its_own_error():
    errors = validation_errors(TwoEstimates((4.0, 2.0), 6.0), FACES, torch.float32)
    assert errors["nme_step1"] == pytest.approx(2 * errors["nme_step2"], rel=1e-4)
    assert errors["nme_regression"] == pytest.approx(3 * errors["nme_step2"], rel=1e-4)


def test_opposite_errors_are_mixed_so_that_they_cancel():
    assert best_combination(TwoEstimates((9.0, 1.0), -4.0), FACES, torch.float32) == 0.2


def test_a_regression_that_does_not_help_is_left_out():
    assert best_combination(TwoEstimates((9.0, 1.0), 1.0), FACES, torch.float32) == 0.0


def test_no_more_of_the_regression_is_taken_than_pays():
    nearly_as_good = TwoEstimates((9.0, 1.0), 0.995)
    assert best_combination(nearly_as_good, FACES, torch.float32) == 0.0
