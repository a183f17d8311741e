"""f_REG: coordinates from response maps and encoder features (paper, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.config import NetworkConfig
from trainer.models.encoder_decoder import ConvBlock


class Regression(nn.Module):
    """Five convolutions with pooling, conv2_2 and conv4_3 joined in, one linear layer."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config.channels
        norm = config.batch_norm
        self.to_maps = config.regression_to_maps
        n_landmarks = config.n_landmarks
        self.conv1 = ConvBlock(n_landmarks + 1, c(64), batch_norm=norm)
        self.conv2 = ConvBlock(c(64) + c(128), c(64), batch_norm=norm)
        self.conv3 = ConvBlock(c(64), c(256), batch_norm=norm)
        self.conv4 = ConvBlock(c(256) + c(512), c(256), batch_norm=norm)
        self.conv5 = ConvBlock(c(256), c(512), batch_norm=norm)
        drop = config.dropout if config.regression_dropout is None else config.regression_dropout
        self.dropout = nn.Dropout(drop)
        self.linear = nn.Linear(c(512), 2 * n_landmarks)

    def forward(self, maps: Tensor, conv2_2: Tensor, conv4_3: Tensor) -> Tensor:
        """Soft-maxed maps and encoder features to coordinates.

        Parameters
        ----------
        maps : (B, L + 1, 128, 128)
        conv2_2 : (B, 128, 64, 64), conv4_3 : (B, 512, 16, 16); they enter detached

        Returns
        -------
        (B, L, 2) float32 offsets from the mean shape, in units of the crop's side
        """
        if not self.to_maps:
            maps = maps.detach()
        x = F.max_pool2d(self.conv1(maps), 2)
        x = self.conv2(torch.cat([x, conv2_2.detach()], dim=1))
        x = self.conv3(F.max_pool2d(x, 2))
        x = F.max_pool2d(x, 2)
        x = self.conv4(torch.cat([x, conv4_3.detach()], dim=1))
        x = self.conv5(F.max_pool2d(x, 2))
        x = F.adaptive_max_pool2d(x, 1).flatten(1).float()
        with torch.autocast(x.device.type, enabled=False):
            return self.linear(self.dropout(x)).view(len(x), -1, 2)
