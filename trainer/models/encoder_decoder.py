"""f_ENC and f_DENC: VGG-16's convolutions and their mirror image (paper, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.config import NetworkConfig

GROUPS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels of VGG-16's 13 convolutions at width 1, by group."""


def pool(x: Tensor, size: int = 2) -> tuple[Tensor, Tensor]:
    """Max-pool ``size`` x ``size``; also where each value was taken from.

    ``x`` is (B, C, H, W); returns values and int64 indices, both (B, C, H/size, W/size).
    """
    return F.max_pool2d(x, size, return_indices=True)


def unpool(x: Tensor, indices: Tensor, size: int = 2) -> Tensor:
    """Put each value back where it was pooled from, zero elsewhere.

    Autocast would turn the map into float32 and double its traffic, so it is off here.
    """
    with torch.autocast(x.device.type, enabled=False):
        return F.max_unpool2d(x, indices, [size, size])


class ConvBlock(nn.Sequential):
    """3x3 convolution, batch norm, ReLU; ``last`` leaves only the convolution."""

    def __init__(self, c_in: int, c_out: int, *, batch_norm: bool, last: bool = False) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(c_in, c_out, 3, padding=1, bias=last or not batch_norm)
        ]
        if not last:
            if batch_norm:
                layers.append(nn.BatchNorm2d(c_out))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Encoder(nn.Module):
    """f_ENC: image and label map to the code C, keeping the pool indices."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.groups = nn.ModuleList()
        c_in = 4
        for widths in GROUPS:
            group = nn.Sequential()
            for width in widths:
                c_out = config.channels(width)
                group.append(ConvBlock(c_in, c_out, batch_norm=config.batch_norm))
                c_in = c_out
            self.groups.append(group)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
        """(B, 4, S, S) to C (B, 512, S/32, S/32), five pool indices, conv2_2 and conv4_3.

        conv2_2 is (B, 128, S/2, S/2), conv4_3 (B, 512, S/8, S/8), both before pooling.
        """
        indices, features = [], []
        for group in self.groups:
            x = group(x)
            features.append(x)
            x, where = pool(x)
            indices.append(where)
        return x, indices, features[1], features[3]


class Decoder(nn.Module):
    """f_DENC: the code to L + 1 response maps, through the encoder's pool indices."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.groups = nn.ModuleList()
        c_in = config.channels(GROUPS[-1][-1])
        for level in range(len(GROUPS) - 1, -1, -1):
            below = GROUPS[level - 1][-1] if level else None
            group = nn.Sequential()
            widths = [*GROUPS[level][:-1], below]
            for width in widths:
                last = width is None
                c_out = config.n_landmarks + 1 if last else config.channels(width)
                group.append(ConvBlock(c_in, c_out, batch_norm=config.batch_norm, last=last))
                c_in = c_out
            self.groups.append(group)

    def forward(self, code: Tensor, indices: list[Tensor]) -> Tensor:
        """C (B, 512, S/32, S/32) to raw response maps (B, L + 1, S, S)."""
        x = code
        for group, where in zip(self.groups, reversed(indices), strict=True):
            x = group(unpool(x, where))
        return x
