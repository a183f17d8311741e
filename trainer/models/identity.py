"""f_CLS: who it is, from C_id (paper, section 3.4)."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.config import NetworkConfig


class Identity(nn.Module):
    """4x4 average pool, dropout, one logit per person.

    With ``identity_standardised`` each channel is brought to mean 0 and deviation 1 over the
    batch between pool and dropout.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels = config.half_code
        self.standardise = (
            nn.BatchNorm1d(channels, affine=False)
            if config.identity_standardised
            else nn.Identity()
        )
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(channels, config.n_identities)

    @staticmethod
    def embed(c_id: Tensor) -> Tensor:
        """C_id (B, 256, 4, 4) to (B, 256) float32."""
        return c_id.float().mean(dim=(2, 3))

    def forward(self, c_id: Tensor) -> Tensor:
        """C_id (B, 256, 4, 4) to identity logits (B, N)."""
        return self.linear(self.dropout(self.standardise(self.embed(c_id))))
