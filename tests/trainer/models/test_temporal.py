"""f_tRNN: the state that carries over frames, and what it does to the code."""

from __future__ import annotations

import pytest
import torch

from trainer.config import NetworkConfig
from trainer.models.temporal import Temporal, TemporalState, join_states

FRAMES, FACES = 5, 3


@pytest.fixture(params=["replace", "add"])
def temporal(request: pytest.FixtureRequest) -> Temporal:
    torch.manual_seed(0)
    return Temporal(NetworkConfig(width=0.125, temporal=request.param))


@pytest.fixture
def codes() -> torch.Tensor:
    """C_pe of T frames of B faces, (T, B, 32, 4, 4)."""
    torch.manual_seed(1)
    return torch.randn(FRAMES, FACES, 32, 4, 4)


def test_one_call_over_t_frames_equals_t_calls(temporal: Temporal, codes: torch.Tensor) -> None:
    at_once, last = temporal(codes.flatten(0, 1), None, FRAMES)
    state: TemporalState | None = None
    one_by_one = []
    for frame in codes:
        out, state = temporal(frame, state)
        one_by_one.append(out)
    assert state is not None
    torch.testing.assert_close(at_once, torch.cat(one_by_one))
    torch.testing.assert_close(last.hidden, state.hidden)
    torch.testing.assert_close(last.cell, state.cell)


def test_state_carries_over_frames(temporal: Temporal, codes: torch.Tensor) -> None:
    _, state = temporal(codes[0], None)
    fresh, _ = temporal(codes[1], None)
    after, next_state = temporal(codes[1], state)
    assert not torch.allclose(fresh, after)
    assert not torch.allclose(state.hidden, next_state.hidden)


def test_start_of_a_video_is_a_state_of_zeros(temporal: Temporal, codes: torch.Tensor) -> None:
    zeros = temporal.initial_state(FACES, torch.device("cpu"))
    torch.testing.assert_close(temporal(codes[0], None)[0], temporal(codes[0], zeros)[0])


def test_faces_do_not_see_each_other(temporal: Temporal, codes: torch.Tensor) -> None:
    together, state = temporal(codes[0], None)
    together, state = temporal(codes[1], state)
    _, alone = temporal(codes[0, 1:2], None)
    out, alone = temporal(codes[1, 1:2], alone)
    torch.testing.assert_close(out, together[1:2])
    torch.testing.assert_close(alone.cell, state.cell[1:2])


def test_state_follows_the_faces_that_are_left(temporal: Temporal, codes: torch.Tensor) -> None:
    _, state = temporal(codes[0], None)
    kept = state.select([2, 0])
    torch.testing.assert_close(kept.hidden, state.hidden[[2, 0]])
    torch.testing.assert_close(kept.cell, state.cell[[2, 0]])
    again = join_states([state.select([0]), state.select([1, 2])])
    torch.testing.assert_close(again.hidden, state.hidden)
    torch.testing.assert_close(again.cell, state.cell)


def test_replaced_code_has_one_value_per_channel_where_it_was_pooled(codes: torch.Tensor) -> None:
    torch.manual_seed(0)
    temporal = Temporal(NetworkConfig(width=0.125, temporal="replace"))
    out, state = temporal(codes[0], None)
    assert out.shape == codes[0].shape
    assert (out != 0).flatten(2).sum(dim=2).eq(1).all()
    torch.testing.assert_close(out.flatten(2).sum(dim=2), state.hidden)
    assert torch.equal(out.flatten(2).abs().argmax(dim=2), codes[0].flatten(2).argmax(dim=2))


def test_added_code_keeps_the_rest_of_c_pe(codes: torch.Tensor) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125, temporal="add")
    out, state = Temporal(config)(codes[0], None)
    difference = out - codes[0]
    assert (difference.abs() > 1e-6).flatten(2).sum(dim=2).le(1).all()
    torch.testing.assert_close(difference.flatten(2).sum(dim=2), state.hidden)


def test_gradient_reaches_the_first_frame(temporal: Temporal, codes: torch.Tensor) -> None:
    codes.requires_grad_()
    out, _ = temporal(codes.flatten(0, 1), None, FRAMES)
    out.view(FRAMES, FACES, -1)[-1].sum().backward()
    assert codes.grad is not None
    assert codes.grad[0].abs().sum() > 0
