"""f_tRNN: pose and expression over time, an LSTM on the pooled C_pe (paper, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.config import NetworkConfig
from trainer.models.encoder_decoder import pool, unpool


@dataclass(frozen=True)
class TemporalState:
    """What the LSTM remembers of each face: ``hidden`` and ``cell``, (B, 256) each.

    Where mirror pictures are aligned too, a face's row is (512,): its own, then its mirror's.
    """

    hidden: Tensor
    cell: Tensor

    def select(self, indices: list[int] | Tensor) -> TemporalState:
        """The state of some of the faces, in the order of ``indices``."""
        index = torch.as_tensor(indices, dtype=torch.long, device=self.hidden.device)
        return TemporalState(self.hidden[index], self.cell[index])

    def rows(self, batch: int) -> TemporalState:
        """The same numbers in ``batch`` rows: splits a face from its mirror picture, or joins."""
        return TemporalState(self.hidden.reshape(batch, -1), self.cell.reshape(batch, -1))


def join_states(states: list[TemporalState]) -> TemporalState:
    """One batch out of several."""
    return TemporalState(
        torch.cat([state.hidden for state in states]), torch.cat([state.cell for state in states])
    )


class Temporal(nn.Module):
    """4x4 pooling with indices, LSTM, 4x4 unpooling with the same indices."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.width = config.half_code
        self.mode = config.temporal
        self.cell = nn.LSTMCell(self.width, self.width)

    def initial_state(self, batch: int, device: torch.device) -> TemporalState:
        """The state before the first frame: zeros."""
        zeros = torch.zeros(batch, self.width, device=device)
        return TemporalState(zeros, zeros)

    def forward(
        self, c_pe: Tensor, state: TemporalState | None, frames: int = 1
    ) -> tuple[Tensor, TemporalState]:
        """C_pe to C_pe' of the same shape, and the state after the last frame.

        Parameters
        ----------
        c_pe : (frames * B, 256, 4, 4), the B faces of the first frame first
        state : of the frame before; None is the start of a video
        frames : int
            T; one call over T frames equals T calls that hand the state on.
        """
        pooled, where = pool(c_pe, 4)
        sequence = pooled.flatten(1).float().view(frames, -1, self.width)
        if state is None:
            state = self.initial_state(sequence.shape[1], c_pe.device)
        hidden, cell = state.hidden, state.cell
        outputs = []
        with torch.autocast(c_pe.device.type, enabled=False):
            for x in sequence:
                hidden, cell = self.cell(x, (hidden, cell))
                outputs.append(hidden)
        out = unpool(torch.cat(outputs).to(c_pe.dtype).view_as(pooled), where, 4)
        if self.mode == "add":
            out = c_pe + out
        return out, TemporalState(hidden, cell)
