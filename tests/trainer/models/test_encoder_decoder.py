"""f_ENC and f_DENC: shapes, sizes, and values that come back to where they were."""

from __future__ import annotations

import pytest
import torch

from trainer.config import NetworkConfig
from trainer.models.encoder_decoder import Decoder, Encoder, pool, unpool


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_at_full_width_are_the_papers() -> None:
    with torch.device("meta"):
        config = NetworkConfig()
        assert count(Encoder(config)) == pytest.approx(14.72e6, rel=0.01)
        assert count(Decoder(config)) == pytest.approx(14.75e6, rel=0.01)


def test_shapes_at_full_width_are_the_papers() -> None:
    config = NetworkConfig()
    with torch.inference_mode():
        code, indices, conv2_2, conv4_3 = Encoder(config)(torch.randn(2, 4, 128, 128))
        maps = Decoder(config)(code, indices)
    assert code.shape == (2, 512, 4, 4)
    assert [tuple(where.shape[1:]) for where in indices] == [
        (64, 64, 64),
        (128, 32, 32),
        (256, 16, 16),
        (512, 8, 8),
        (512, 4, 4),
    ]
    assert conv2_2.shape == (2, 128, 64, 64)
    assert conv4_3.shape == (2, 512, 16, 16)
    assert maps.shape == (2, 69, 128, 128)


@pytest.mark.parametrize("n_landmarks", [7, 68])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_maps_have_a_channel_per_landmark_and_one_for_the_background(
    n_landmarks: int, batch_norm: bool
) -> None:
    config = NetworkConfig(n_landmarks=n_landmarks, width=0.125, batch_norm=batch_norm)
    code, indices, _, _ = Encoder(config)(torch.randn(2, 4, 128, 128))
    assert code.shape == (2, 64, 4, 4)
    assert Decoder(config)(code, indices).shape == (2, n_landmarks + 1, 128, 128)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_every_convolution_but_the_decoders_last_is_normalised_and_rectified(
    batch_norm: bool,
) -> None:
    config = NetworkConfig(width=0.125, batch_norm=batch_norm)
    kinds = {"Conv2d": 13, "ReLU": 13, "BatchNorm2d": 13 if batch_norm else 0}
    for module, missing in ((Encoder(config), 0), (Decoder(config), 1)):
        names = [type(child).__name__ for child in module.modules()]
        for kind, number in kinds.items():
            expected = number if kind == "Conv2d" else max(number - missing, 0)
            assert names.count(kind) == expected, (type(module).__name__, kind)
    # Raw logits may be negative, which nothing behind a ReLU is.
    code, indices, _, _ = Encoder(config)(torch.randn(2, 4, 128, 128))
    assert Decoder(config)(code, indices).min() < 0


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_value_unpools_to_the_place_it_was_pooled_from(size: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 3, 16, 16).to(dtype)
    x[0, 1, 5, 10] = 7
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled, where = pool(x, size)
        back = unpool(pooled, where, size)
    assert back.dtype == dtype
    assert back.shape == x.shape
    assert back[0, 1, 5, 10] == 7
    kept = back != 0
    assert kept.sum() == pooled.numel()
    torch.testing.assert_close(back[kept], x[kept], rtol=0, atol=0)
    assert (x[kept].sort().values == pooled.flatten().sort().values).all()


def test_decoder_puts_values_where_the_encoder_took_them_from() -> None:
    config = NetworkConfig(width=0.125)
    torch.manual_seed(0)
    encoder, decoder = Encoder(config).eval(), Decoder(config).eval()
    code, indices, _, _ = encoder(torch.randn(1, 4, 128, 128))
    used = []
    for group, where in zip(decoder.groups, reversed(indices), strict=True):
        group.register_forward_pre_hook(
            lambda _, inputs, where=where: used.append((inputs[0], where))
        )
    decoder(code, indices)
    assert len(used) == 5
    for unpooled, where in used:
        flat = unpooled.flatten(2)
        at_indices = flat.gather(2, where.flatten(2))
        assert 0 < flat.count_nonzero() == at_indices.count_nonzero()
