"""The four losses, with values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from trainer.losses import euclidean_loss, identity_loss, response_loss, smooth_distance
from trainer.models.spatial import draw_squares, soft_maps


def test_response_loss_by_hand() -> None:
    # Two pixels, three classes: one background pixel at 1/2, one of landmark 2 at 1/4.
    maps = torch.tensor([[[0.5, 0.25]], [[0.25, 0.5]], [[0.25, 0.25]]])[None]
    target = torch.tensor([[[0, 2]]])
    weighted = (0.1 * math.log(2) + 1.0 * math.log(4)) / 1.1
    assert response_loss(maps, target, 0.1).item() == pytest.approx(weighted)
    plain = (math.log(2) + math.log(4)) / 2
    assert response_loss(maps, target, 1.0).item() == pytest.approx(plain)


def test_response_loss_is_weighted_cross_entropy_and_so_is_its_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 8, 32, 32, requires_grad=True)
    target = draw_squares(torch.rand(2, 7, 2) * 31, 7, 32)
    ours = response_loss(soft_maps(logits), target, 0.1)
    weights = torch.tensor([0.1] + [1.0] * 7)
    theirs = F.cross_entropy(logits, target, weights)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    (mine,) = torch.autograd.grad(ours, logits)
    (expected,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(mine, expected, atol=1e-8, rtol=1e-4)


def test_perfect_maps_cost_nothing_and_impossible_ones_stay_finite() -> None:
    target = draw_squares(torch.tensor([[[5.0, 5.0]]]), 3, 16)
    perfect = F.one_hot(target, 2).permute(0, 3, 1, 2).float()
    assert response_loss(perfect, target, 0.1).item() == pytest.approx(0, abs=1e-6)
    assert response_loss(1 - perfect, target, 0.1).isfinite()


def test_background_weight_makes_the_landmarks_count() -> None:
    target = draw_squares(torch.tensor([[[8.0, 8.0]]]), 3, 16)
    only_background = torch.zeros(1, 2, 16, 16)
    only_background[:, 0] = 0.9
    only_background[:, 1] = 0.1
    losses = [response_loss(only_background, target, w).item() for w in (1.0, 0.1, 0.01)]
    assert losses == sorted(losses), "the less the background counts, the dearer a lost landmark"


def test_euclidean_loss_by_hand() -> None:
    truth = torch.zeros(2, 2, 2)
    predicted = torch.tensor([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [6.0, 8.0]]])
    mask = torch.ones(2, 2, dtype=torch.bool)
    # Half the squared distances in units of the crop, mean over the two faces.
    assert euclidean_loss(predicted, truth, mask, 10).item() == pytest.approx(
        0.5 * (0.25 + 1.0) / 2
    )


def test_smooth_distance_by_hand() -> None:
    truth = torch.zeros(1, 3, 2)
    predicted = torch.tensor([[[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    # 5 px counts 4.5, half a pixel counts a square: 0.125.
    assert smooth_distance(predicted, truth, mask).item() == pytest.approx((4.5 + 0.125) / 3)


@pytest.mark.parametrize("loss", ["euclidean", "smooth"])
def test_unlabelled_landmarks_cost_nothing_and_give_no_gradient(loss: str) -> None:
    predicted = torch.full((1, 2, 2), 5.0, requires_grad=True)
    truth = torch.tensor([[[2.0, 1.0], [float("nan"), float("nan")]]])
    mask = truth.isfinite().all(dim=-1)
    value = (
        euclidean_loss(predicted, truth, mask, 128)
        if loss == "euclidean"
        else smooth_distance(predicted, truth, mask)
    )
    assert value.isfinite()
    value.backward()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
    assert predicted.grad[0, 0].any()
    assert not predicted.grad[0, 1].any()


def test_smooth_distance_has_a_gradient_of_zero_at_the_landmark() -> None:
    predicted = torch.zeros(1, 1, 2, requires_grad=True)
    smooth_distance(predicted, torch.zeros(1, 1, 2), torch.ones(1, 1).bool()).backward()
    assert torch.equal(predicted.grad, torch.zeros(1, 1, 2))


def test_nothing_labelled_costs_nothing() -> None:
    nan = torch.full((2, 3, 2), float("nan"))
    mask = nan.isfinite().all(dim=-1)
    assert smooth_distance(torch.zeros(2, 3, 2), nan, mask).item() == 0
    assert euclidean_loss(torch.zeros(2, 3, 2), nan, mask, 128).item() == 0


def test_identity_loss_leaves_unknown_people_out() -> None:
    logits = torch.tensor([[0.0, 0.0], [9.0, -9.0]], requires_grad=True)
    loss = identity_loss(logits, torch.tensor([1, -1]))
    assert loss.item() == pytest.approx(math.log(2))
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[1].any()
    unknown = identity_loss(logits, torch.tensor([-1, -1]))
    assert unknown.item() == 0
    assert unknown.requires_grad, "so that a batch of strangers can still be trained on"
