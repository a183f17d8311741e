"""Starting weights: Gaussian, or ImageNet VGG-16 for f_ENC (paper, section 4.2)."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from trainer.errors import RedError
from trainer.models.encoder_decoder import ConvBlock
from trainer.models.rednet import RedNet
from trainer.models.widen import widened


class InitialiseError(RedError):
    """Weights that don't fit this network."""


def gaussian(model: nn.Module, seed: int) -> None:
    """Fill every convolution and linear layer from zero-mean normals (He's spread).

    The LSTM's weights are normal with spread 1 / sqrt(hidden units). Biases become 0;
    batch norm starts as the identity.
    """
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                gain = 2.0 if isinstance(module, nn.Conv2d) else 0.05
                drawn = torch.randn(module.weight.shape, generator=rng)
                module.weight.copy_(drawn * (gain / fan_in) ** 0.5)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.LSTMCell):
                for parameter in module.parameters():
                    drawn = torch.randn(parameter.shape, generator=rng)
                    spread = module.hidden_size**-0.5 if parameter.ndim > 1 else 0.0
                    parameter.copy_(drawn * spread)


def load_vgg16(model: RedNet, weights: dict[str, Tensor]) -> None:
    """Start f_ENC from ImageNet VGG-16.

    The first convolution's 4th input channel (the label map) keeps its Gaussian start.
    Of a VGG-16 without batch norm, biases become the batch norm's shift.

    Parameters
    ----------
    model : a network of width 1
    weights : torchvision's state dict of ``vgg16`` or ``vgg16_bn`` (``features.0.weight``, …)

    Raises
    ------
    InitialiseError
        If the network is narrower or wider than VGG-16, or weights are missing.
    """
    if model.config.width != 1:
        raise InitialiseError(
            f"VGG-16 weights fit a network of width 1, this one has {model.config.width}; "
            "train it from Gaussian weights or choose red-paper"
        )
    numbers = sorted(
        int(match[1])
        for key, value in weights.items()
        if (match := re.fullmatch(r"features\.(\d+)\.weight", key)) and value.ndim == 4
    )
    blocks = [m for m in model.encoder.modules() if isinstance(m, ConvBlock)]
    if len(numbers) != len(blocks):
        raise InitialiseError(
            f"{len(numbers)} convolutions named features.N.weight, VGG-16 has {len(blocks)}; "
            "give the state dict of torchvision's vgg16 or vgg16_bn"
        )
    with torch.no_grad():
        for number, block in zip(numbers, blocks, strict=True):
            _copy_block(weights, number, block)


def _copy_block(weights: dict[str, Tensor], number: int, block: ConvBlock) -> None:
    conv, norm = block[0], block[1]
    assert isinstance(conv, nn.Conv2d)
    kernel = weights[f"features.{number}.weight"].float()
    if kernel.shape != conv.weight[:, : kernel.shape[1]].shape:
        raise InitialiseError(
            f"features.{number}.weight has shape {tuple(kernel.shape)}, unlike VGG-16's; "
            "give the state dict of torchvision's vgg16 or vgg16_bn"
        )
    conv.weight[:, : kernel.shape[1]] = kernel
    bias = weights.get(f"features.{number}.bias")
    if conv.bias is not None and bias is not None:
        conv.bias.copy_(bias.float())
    if not isinstance(norm, nn.BatchNorm2d):
        return
    if f"features.{number + 1}.running_mean" in weights:
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).copy_(weights[f"features.{number + 1}.{name}"].float())
        if bias is not None and norm.running_mean is not None:
            norm.running_mean.sub_(bias.float())
    elif bias is not None:
        norm.bias.copy_(bias.float())


def start_from(model: RedNet, parent: RedNet) -> None:
    """Start from another network's weights; f_CLS, whose people differ, starts afresh.

    A narrower network is widened first, so that training goes on from its answers.

    Raises
    ------
    InitialiseError
        If the two networks' shapes differ elsewhere.
    """
    if parent.config.width < model.config.width:
        parent = widened(parent, model.config.width)
    own = model.state_dict()
    taken = {k: v for k, v in parent.state_dict().items() if not k.startswith("identity.")}
    wrong = [k for k, v in taken.items() if k not in own or own[k].shape != v.shape]
    if wrong:
        raise InitialiseError(
            f"the model to start from has another shape ({wrong[0]}); "
            "use the same width, landmarks and configuration"
        )
    model.load_state_dict({**own, **taken})
