"""RED-Net put together: any L, K and width; what each loss reaches; alignment of frames."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainer.config import NetworkConfig, config_for
from trainer.losses import euclidean_loss, identity_loss, response_loss
from trainer.models.identity import Identity
from trainer.models.initialise import gaussian
from trainer.models.rednet import RedNet
from trainer.models.spatial import draw_squares, soft_label_map
from trainer.models.temporal import join_states
from trainer.scheme import IBUG68

TINY = NetworkConfig(width=0.125, temporal="replace", n_identities=5)


def net(config: NetworkConfig = TINY, seed: int = 0) -> RedNet:
    torch.manual_seed(seed)
    model = RedNet(config)
    gaussian(model, seed)
    torch.manual_seed(seed + 1)
    model.mean_shape.copy_(torch.rand(config.n_landmarks, 2) * 0.6 + 0.2)
    return model


def crops(batch: int, seed: int = 3) -> torch.Tensor:
    """(batch, 128, 128, 3) uint8."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 128, 128, 3), generator=rng, dtype=torch.uint8)


def gradients(model: RedNet, part: str) -> list[torch.Tensor]:
    """Gradients of one module's parameters; those no loss reached are left out."""
    module = getattr(model, part)
    return [p.grad for p in module.parameters() if p.grad is not None and p.grad.any()]


@pytest.mark.parametrize("n_landmarks", [7, 68])
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("width", [0.125, 0.3])
def test_align_gives_landmarks_of_every_step(n_landmarks: int, steps: int, width: float) -> None:
    model = net(replace(TINY, n_landmarks=n_landmarks, steps=steps, width=width)).eval()
    out = model.align(crops(2), with_regression=True)
    assert out.regression is not None
    assert out.landmarks.shape == (2, n_landmarks, 2)
    assert out.per_step.shape == (steps, 2, n_landmarks, 2)
    assert out.regression.shape == (2, n_landmarks, 2)
    assert out.confidence.shape == (2, n_landmarks)
    assert out.identity.shape == (2, model.config.channels(256))
    for value in (out.landmarks, out.per_step, out.regression, out.confidence, out.identity):
        assert value.dtype == torch.float32
        assert value.isfinite().all()
        assert not value.requires_grad
    assert ((out.confidence >= 0) & (out.confidence <= 1)).all()
    assert out.landmarks.min() >= -0.5
    assert out.landmarks.max() <= 127.5
    assert out.state is not None


def test_number_of_steps_can_be_asked_for() -> None:
    model = net().eval()
    assert model.align(crops(1), steps=4).per_step.shape[0] == 4
    assert model.align(crops(1)).per_step.shape[0] == model.config.steps


def test_named_configs_differ_from_the_paper_only_in_their_config() -> None:
    paper, lite = (config_for(name).network for name in ("red-paper", "red-lite"))
    assert (paper.width, paper.steps, paper.squares) == (1, 3, (7, 5, 3))
    assert paper.temporal == "replace"
    assert paper.regression_to_maps
    with torch.device("meta"):
        shapes = [{n: p.ndim for n, p in RedNet(c).named_parameters()} for c in (paper, lite)]
        size = sum(p.numel() for p in RedNet(paper).parameters())
    assert shapes[0] == shapes[1]
    assert size == pytest.approx(33.9e6, rel=0.05)


def test_without_start_alignment_begins_at_the_mean_shape() -> None:
    model = net().eval()
    given = model.align(crops(2), model.mean_start(2))
    assert torch.equal(model.align(crops(2)).landmarks, given.landmarks)
    pixels = model.mean_start(2)
    assert pixels.shape == (2, 68, 2)
    torch.testing.assert_close(pixels[1], model.mean_shape * 128 - 0.5)


def test_start_changes_the_answer_and_nan_draws_nothing() -> None:
    model = net().eval()
    start = model.mean_start(1).clone()
    first = model.align(crops(1), start).per_step[0]
    moved = model.align(crops(1), start + 20).per_step[0]
    assert not torch.equal(first, moved)
    nowhere = model.align(crops(1), torch.full_like(start, float("nan")))
    assert nowhere.landmarks.isfinite().all()


def test_same_seed_same_result() -> None:
    first, second = (net(seed=7).eval().align(crops(2)).landmarks for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, net(seed=8).eval().align(crops(2)).landmarks)


def test_faces_of_a_batch_do_not_see_each_other() -> None:
    model = net().eval()
    together = model.align(crops(3))
    alone = model.align(crops(3)[1:2])
    torch.testing.assert_close(alone.landmarks, together.landmarks[1:2], atol=1e-2, rtol=0)
    torch.testing.assert_close(alone.confidence, together.confidence[1:2], atol=1e-4, rtol=1e-3)


def test_lstm_state_carries_over_frames_and_advances_once_a_frame() -> None:
    model = net().eval()
    assert model.temporal is not None
    calls = []
    model.temporal.register_forward_hook(lambda *_: calls.append(1))
    first = model.align(crops(2, seed=1))
    assert calls == [1]
    fresh = model.align(crops(2, seed=2))
    after = model.align(crops(2, seed=2), state=first.state)
    assert first.state is not None
    assert after.state is not None
    assert not torch.equal(after.state.hidden, fresh.state.hidden)
    assert not torch.equal(after.per_step[-1], fresh.per_step[-1])
    torch.testing.assert_close(after.per_step[0], fresh.per_step[0])
    alone = model.align(crops(2, seed=2)[1:], state=first.state.select([1]))
    torch.testing.assert_close(alone.landmarks, after.landmarks[1:], atol=1e-2, rtol=0)


def test_step_over_a_clip_equals_steps_frame_by_frame() -> None:
    model = net().eval()
    frames, faces = 3, 2
    x = model.normalise(crops(frames * faces))
    start = model.mean_start(faces)
    whole = model.step(x, start.repeat(frames, 1, 1), 0, advance=True, frames=frames)
    state, logits = None, []
    for frame in x.view(frames, faces, *x.shape[1:]):
        out = model.step(frame, start, 0, state=state, advance=True)
        state = out.state
        logits.append(out.logits)
    torch.testing.assert_close(whole.logits, torch.cat(logits), atol=1e-3, rtol=1e-3)


def test_network_without_f_trnn_has_no_state() -> None:
    out = net(replace(TINY, temporal="none")).eval().align(crops(1))
    assert out.state is None


def test_network_without_f_cls_still_has_an_identity_embedding() -> None:
    model = net(replace(TINY, n_identities=0)).eval()
    assert model.identity is None
    assert model.align(crops(1)).identity.shape == (1, model.config.channels(256))


def test_combine_mixes_maps_and_regression() -> None:
    maps_only = net().eval()
    mixed = net(replace(TINY, combine=0.25)).eval()
    pure, both = maps_only.align(crops(2)), mixed.align(crops(2))
    torch.testing.assert_close(pure.landmarks, pure.per_step[-1])
    assert pure.regression is None, "not computed where it counts for nothing"
    assert both.regression is not None
    torch.testing.assert_close(both.landmarks, 0.75 * both.per_step[-1] + 0.25 * both.regression)


def test_disagreement_of_maps_and_regression_is_told_in_sides_of_the_face_box() -> None:
    model = net().eval()
    out = model.align(crops(2), with_regression=True)
    maps = out.per_step[-1]
    side = (maps.amax(dim=1) - maps.amin(dim=1)).mean(dim=-1).clamp_min(1.0)
    apart = torch.linalg.vector_norm(maps - out.regression, dim=-1).mean(dim=-1)
    torch.testing.assert_close(out.disagreement, apart / side)
    assert model.align(crops(2)).disagreement is None


def test_aligning_leaves_the_response_maps_to_f_reg_as_they_were() -> None:
    model = net(replace(TINY, combine=0.5)).eval()
    with torch.inference_mode():
        out = model.step(model.normalise(crops(1)), model.mean_start(1), 0)
        before = out.maps.clone()
        model.locate(out)
    assert torch.equal(out.maps, before)


def test_regression_starts_at_the_mean_shape() -> None:
    model = net().eval()
    model.regression.linear.weight.data.zero_()
    model.regression.linear.bias.data.zero_()
    with torch.inference_mode():
        out = model.step(model.normalise(crops(2)), model.mean_start(2), 0)
        torch.testing.assert_close(model.regress(out), model.mean_start(2))


@pytest.mark.parametrize("to_maps", [True, False])
def test_regression_loss_reaches_the_maps_only_by_the_switch(to_maps: bool) -> None:
    model = net(replace(TINY, regression_to_maps=to_maps)).train()
    out = model.step(model.normalise(crops(2)), model.mean_start(2), 0)
    for tensor in (out.logits, out.conv2_2, out.conv4_3):
        tensor.retain_grad()
    truth, mask = model.mean_start(2) + 5, torch.ones(2, 68, dtype=torch.bool)
    euclidean_loss(model.regress(out), truth, mask, 128).backward()
    assert gradients(model, "regression")
    assert bool(gradients(model, "decoder")) == to_maps
    assert bool(gradients(model, "encoder")) == to_maps
    assert (out.logits.grad is not None and bool(out.logits.grad.any())) == to_maps
    assert not gradients(model, "identity")
    if not to_maps:
        assert out.conv2_2.grad is None
        assert out.conv4_3.grad is None


def test_encoder_features_enter_the_regression_detached() -> None:
    model = net().train()
    out = model.step(model.normalise(crops(2)), model.mean_start(2), 0)
    with torch.no_grad():
        features = [out.conv2_2.clone(), out.conv4_3.clone()]
    for feature in features:
        feature.requires_grad_()
    model.regression(out.maps.detach(), *features).sum().backward()
    assert all(feature.grad is None for feature in features)
    # Detached, yet used: other features give other coordinates.
    model.eval()
    with torch.inference_mode():
        plain = model.regression(out.maps, *features)
        assert not torch.equal(plain, model.regression(out.maps, features[0] + 1, features[1]))
        assert not torch.equal(plain, model.regression(out.maps, features[0], features[1] + 1))


def test_response_loss_trains_encoder_and_decoder_and_not_f_reg() -> None:
    model = net().train()
    start = model.mean_start(2)
    out = model.step(model.normalise(crops(2)), start, 0, advance=True)
    response_loss(out.maps, draw_squares(start + 3, 7, 128), 0.1).backward()
    assert gradients(model, "encoder")
    assert gradients(model, "decoder")
    assert gradients(model, "temporal")
    assert not gradients(model, "regression")
    assert not gradients(model, "identity")


def test_identity_loss_trains_the_identity_half_of_the_code() -> None:
    model = net().train()
    assert model.identity is not None
    out = model.step(model.normalise(crops(4)), model.mean_start(4), 0)
    identity_loss(model.identity(out.c_id), torch.tensor([0, 1, 2, -1])).backward()
    assert gradients(model, "identity")
    assert gradients(model, "encoder")
    assert not gradients(model, "decoder")
    last = model.encoder.groups[-1][-1][0].weight.grad
    assert last is not None
    half = len(last) // 2
    assert last[:half].any()
    assert not last[half:].any(), "the other half is C_pe"


def test_a_standardised_embedding_lets_f_cls_see_small_differences() -> None:
    """Codes that differ by a hundredth of their mean: only then do the logits differ by people."""
    people = torch.arange(4).repeat(6)
    codes = 1 + 0.01 * torch.randn(4, 8, 1, 1, generator=torch.Generator().manual_seed(0))
    codes = codes[people].expand(-1, -1, 4, 4)
    losses = {}
    for standardised in (False, True):
        torch.manual_seed(1)
        head = Identity(
            replace(TINY, width=16 / 512, n_identities=4, identity_standardised=standardised)
        )
        optimiser = torch.optim.AdamW(head.parameters(), 1e-2)
        for _ in range(100):
            loss = identity_loss(head(codes), people)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        losses[standardised] = float(identity_loss(head.eval()(codes), people).detach())
    assert losses[False] > 1.2  # guessing: ln 4 = 1.39
    assert losses[True] < 0.3


def test_squares_are_not_differentiable_so_each_step_learns_by_itself() -> None:
    model = net().train()
    start = model.mean_start(1).clone().requires_grad_()
    out = model.step(model.normalise(crops(1)), start, 0)
    out.logits.sum().backward()
    assert start.grad is None or not start.grad.any()


def test_each_step_draws_its_own_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    import trainer.models.rednet as module

    sides = []
    original = module.label_map

    def spy(points: torch.Tensor, side: int, size: int) -> torch.Tensor:
        sides.append(side)
        return original(points, side, size)

    monkeypatch.setattr(module, "label_map", spy)
    net().eval().align(crops(1), steps=5)
    assert sides == [7, 5, 3, 3, 3]


def test_soft_feedback_feeds_later_steps_the_maps_of_the_step_before() -> None:
    torch.manual_seed(0)
    soft, squares = (net(replace(TINY, soft_feedback=on)).eval() for on in (True, False))
    squares.load_state_dict(soft.state_dict())
    images = crops(2)
    answers, usual = (model.align(images, mirrored=False).per_step for model in (soft, squares))
    assert torch.equal(answers[0], usual[0])
    assert not torch.equal(answers[1], usual[1])
    x = soft.normalise(images)
    with torch.inference_mode():
        first = soft.step(x, soft.mean_start(2), 0)
        second = soft.step(x, soft.locate(first)[0], 1, before=first)
    assert torch.equal(soft.locate(second)[0], answers[1])


def test_a_soft_label_map_is_each_pixels_expected_label() -> None:
    maps = torch.zeros(1, 4, 2, 2)
    maps[0, 0, 0, 0] = 1.0  # background
    maps[0, 3, 0, 1] = 1.0  # landmark 3 of 3
    maps[0, :, 1, 0] = torch.tensor([0.5, 0.5, 0.0, 0.0])
    maps[0, :, 1, 1] = torch.tensor([0.0, 0.0, 0.5, 0.5])
    expected = torch.tensor([[[[0.0, 1.0], [1 / 6, 5 / 6]]]])
    assert torch.allclose(soft_label_map(maps), expected)


def test_bfloat16_autocast_gives_float32_landmarks_close_to_float32() -> None:
    model = net().eval()
    exact = model.align(crops(2), steps=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model.align(crops(2), steps=1)
    assert rough.landmarks.dtype == torch.float32
    assert rough.confidence.dtype == torch.float32
    assert (rough.landmarks - exact.landmarks).abs().median() < 2


@pytest.mark.parametrize("width", [0.1, 0.125, 0.2, 0.3, 0.35, 0.4, 0.6, 0.75])
def test_any_width_goes_through_every_module(width: float) -> None:
    network = NetworkConfig(width=width, n_identities=3, temporal="replace", combine=0.5)
    model = RedNet(network).eval()
    out = model.align(torch.zeros(2, 128, 128, 3, dtype=torch.uint8))
    assert out.landmarks.shape == (2, 68, 2)
    assert out.identity.shape == (2, network.half_code)
    code = torch.zeros(2, network.half_code, 4, 4)
    assert model.identity(code).shape == (2, 3)


@pytest.mark.parametrize("n_landmarks", [7, 68])
def test_a_mirrored_network_answers_a_mirror_picture_with_the_mirrored_answer(
    n_landmarks: int,
) -> None:
    model = net(replace(TINY, n_landmarks=n_landmarks, mirrored=True, combine=0.3)).eval()
    start = torch.rand(2, n_landmarks, 2) * 60 + 30
    one = model.align(crops(2), start)
    other = model.align(crops(2).flip(2), model._flip(start))
    torch.testing.assert_close(model._flip(other.landmarks), one.landmarks, atol=1e-2, rtol=0)
    torch.testing.assert_close(other.support[:, model.flip], one.support, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        other.confidence[:, model.flip], one.confidence, atol=1e-4, rtol=1e-3
    )


def test_the_mirrored_answer_is_the_mean_of_both() -> None:
    model = net(replace(TINY, combine=0.3)).eval()
    start = torch.rand(3, 68, 2) * 60 + 30
    own = model.align(crops(3), start)
    mirror = model.align(crops(3).flip(2), model._flip(start))
    both = model.align(crops(3), start, mirrored=True)
    mean = (own.landmarks + model._flip(mirror.landmarks)) / 2
    torch.testing.assert_close(both.landmarks, mean, atol=1e-2, rtol=0)
    assert both.per_step.shape == own.per_step.shape
    assert both.identity.shape == own.identity.shape
    mean = (own.regression + model._flip(mirror.regression)) / 2
    # In batches of other sizes a processor may round otherwise: 3e-5 pixels on one.
    torch.testing.assert_close(both.regression, mean, atol=1e-3, rtol=0)


def test_a_face_and_its_mirror_each_have_their_own_lstm_state() -> None:
    model = net(replace(TINY, mirrored=True)).eval()
    first = model.align(crops(2, seed=1))
    assert first.state is not None
    after = model.align(crops(2, seed=2), state=first.state)
    own = model.align(crops(2, seed=1), mirrored=False)
    mirror = model.align(crops(2, seed=1).flip(2), mirrored=False)
    for row in range(2):
        halves = first.state.hidden[row].view(2, -1)
        torch.testing.assert_close(halves[0], own.state.hidden[row], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(halves[1], mirror.state.hidden[row], atol=1e-4, rtol=1e-3)
    swapped = join_states([first.state.select([1]), first.state.select([0])])
    turned = model.align(crops(2, seed=2).flip(0), state=swapped)
    torch.testing.assert_close(turned.landmarks.flip(0), after.landmarks, atol=1e-2, rtol=0)


def test_landmarks_flip_as_the_scheme_says() -> None:
    model = net()
    points = torch.rand(2, 68, 2) * 128
    expected = IBUG68.flip_landmarks(points.numpy(), 128)
    torch.testing.assert_close(model._flip(points), torch.from_numpy(expected))
