"""Starting weights: seeded normals, and ImageNet VGG-16 under torchvision's names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from trainer.config import NetworkConfig
from trainer.models.encoder_decoder import GROUPS
from trainer.models.initialise import InitialiseError, gaussian, load_vgg16
from trainer.models.rednet import RedNet


def vgg16(batch_norm: bool) -> nn.Sequential:
    """torchvision's ``features`` of vgg16 or vgg16_bn, random weights and statistics."""
    layers: list[nn.Module] = []
    c_in = 3
    for widths in GROUPS:
        for width in widths:
            layers.append(nn.Conv2d(c_in, width, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU())
            c_in = width
        layers.append(nn.MaxPool2d(2))
    features = nn.Sequential(*layers)
    torch.manual_seed(5)
    for layer in features:
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            nn.init.normal_(layer.bias, std=0.1)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
    return features.eval()


def torchvision_names(features: nn.Sequential) -> dict[str, Tensor]:
    weights = {f"features.{name}": value for name, value in features.state_dict().items()}
    return {**weights, "classifier.0.weight": torch.zeros(4, 4), "classifier.0.bias": torch.ones(4)}


def full_width(batch_norm: bool = True) -> RedNet:
    model = RedNet(NetworkConfig(n_landmarks=7, batch_norm=batch_norm))
    gaussian(model, 0)
    return model.eval()


def code_of_picture(model: RedNet, picture: Tensor) -> Tensor:
    """C for a picture and an empty label map."""
    with torch.inference_mode():
        return model.encoder(torch.cat([picture, torch.zeros_like(picture[:, :1])], dim=1))[0]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_encoder_computes_what_vgg16_does(batch_norm: bool) -> None:
    features = vgg16(batch_norm)
    model = full_width(batch_norm)
    load_vgg16(model, torchvision_names(features))
    picture = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = features(picture)
    torch.testing.assert_close(
        code_of_picture(model, picture), expected, atol=1e-4 * float(expected.max()), rtol=1e-3
    )


def test_plain_vgg16_starts_a_network_with_batch_norm() -> None:
    features = vgg16(batch_norm=False)
    model = full_width()
    load_vgg16(model, torchvision_names(features))
    picture = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = features(picture)
    actual = code_of_picture(model, picture)
    torch.testing.assert_close(actual, expected, atol=1e-3 * float(expected.max()), rtol=1e-2)


def test_label_maps_channel_stays_gaussian_and_the_rest_is_left_alone() -> None:
    model = full_width()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    load_vgg16(model, torchvision_names(vgg16(batch_norm=True)))
    after = model.state_dict()
    first = "encoder.groups.0.0.0.weight"
    assert torch.equal(after[first][:, 3], before[first][:, 3])
    assert after[first][:, 3].std() > 0
    assert not torch.equal(after[first][:, :3], before[first][:, :3])
    for name, value in after.items():
        if not name.startswith("encoder."):
            assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("width", [0.25, 0.5, 2.0])
def test_other_widths_are_refused(width: float) -> None:
    model = RedNet(replace(NetworkConfig(n_landmarks=7), width=width))
    with pytest.raises(InitialiseError, match=rf"width 1, this one has {width}.*red-paper"):
        load_vgg16(model, {})


def test_other_networks_weights_are_refused() -> None:
    weights = torchvision_names(vgg16(batch_norm=False))
    del weights["features.28.weight"]
    with pytest.raises(InitialiseError, match=r"12 convolutions.*VGG-16 has 13"):
        load_vgg16(full_width(batch_norm=False), weights)
    with pytest.raises(InitialiseError, match="torchvision"):
        load_vgg16(full_width(batch_norm=False), {"conv1.weight": torch.zeros(64, 3, 3, 3)})


def test_vgg16_of_other_channels_is_refused() -> None:
    weights = torchvision_names(vgg16(batch_norm=False))
    weights["features.5.weight"] = torch.zeros(96, 64, 3, 3)
    with pytest.raises(InitialiseError, match=r"features\.5"):
        load_vgg16(full_width(batch_norm=False), weights)


def test_same_seed_same_weights() -> None:
    config = NetworkConfig(n_landmarks=7, width=0.125, n_identities=3)
    first, second, other = RedNet(config), RedNet(config), RedNet(config)
    gaussian(first, 3)
    gaussian(second, 3)
    gaussian(other, 4)
    kinds = (nn.Conv2d, nn.Linear)
    pairs = zip(first.modules(), second.modules(), other.modules(), strict=True)
    for mine, same, different in pairs:
        if isinstance(mine, kinds):
            assert torch.equal(mine.weight, same.weight)
            assert not torch.equal(mine.weight, different.weight)
            assert mine.bias is None or not mine.bias.any()


def test_gaussian_weights_have_zero_mean_and_hes_spread() -> None:
    model = RedNet(NetworkConfig(n_landmarks=7, width=0.5))
    gaussian(model, 0)
    weight = model.encoder.groups[3][1][0].weight.detach()
    expected = (2 / weight[0].numel()) ** 0.5
    assert weight.std() == pytest.approx(expected, rel=0.02)
    assert abs(weight.mean()) < expected / 100


@pytest.mark.real_data
def test_real_imagenet_weights_fit(data_dir: Path) -> None:
    (file,) = (data_dir / "vgg16").glob("*.safetensors")
    weights = load_file(file)
    model = full_width()
    load_vgg16(model, weights)
    loaded = model.encoder.groups[4][2][0].weight
    assert torch.equal(loaded, weights["features.28.weight"].float())
    assert code_of_picture(model, torch.randn(1, 3, 64, 64)).isfinite().all()
