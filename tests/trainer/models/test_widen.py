"""A widened network answers like the narrow one, and its copies can drift apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainer.config import RED_LITE
from trainer.models.initialise import gaussian, start_from
from trainer.models.rednet import RedNet
from trainer.models.widen import widened

NETWORK = replace(RED_LITE.network, width=0.0625, combine=0.4)


@pytest.fixture
def parent() -> RedNet:
    model = RedNet(NETWORK)
    gaussian(model, 3)
    generator = torch.Generator().manual_seed(4)
    for name, value in model.state_dict().items():
        if name.endswith("running_mean"):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
        elif name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return model.eval()


def pictures() -> torch.Tensor:
    generator = torch.Generator().manual_seed(9)
    return torch.randint(0, 255, (2, 128, 128, 3), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("width", [0.125, 0.15625])
def test_it_answers_like_its_parent_over_two_frames(parent: RedNet, width: float) -> None:
    wide = widened(parent, width)
    state = wide_state = None
    for _ in range(2):
        one = parent.align(pictures(), state=state, with_regression=True)
        other = wide.align(pictures(), state=wide_state, with_regression=True)
        state, wide_state = one.state, other.state
        assert torch.allclose(one.landmarks, other.landmarks, atol=0.02)
        assert torch.allclose(one.regression, other.regression, atol=0.02)


def test_copies_of_a_channel_are_read_with_different_weights(parent: RedNet) -> None:
    wide = widened(parent, 0.125)
    kernel = wide.encoder.groups[1][1][0].weight
    assert not torch.allclose(kernel[:, 0], kernel[:, 1])


def test_training_may_start_from_a_narrower_model(parent: RedNet) -> None:
    model = RedNet(replace(NETWORK, width=0.125))
    gaussian(model, 0)
    start_from(model, parent)
    one, other = parent.align(pictures()), model.eval().align(pictures())
    assert torch.allclose(one.landmarks, other.landmarks, atol=0.02)


def test_a_narrower_width_is_refused(parent: RedNet) -> None:
    with pytest.raises(ValueError, match="below the parent's"):
        widened(parent, 0.03)
