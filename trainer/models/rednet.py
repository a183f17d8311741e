"""RED-Net put together: f_ENC, f_DENC, f_sRNN, f_tRNN, f_CLS, f_REG."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.config import NetworkConfig
from trainer.geometry import CROP_SIZE
from trainer.models.encoder_decoder import Decoder, Encoder
from trainer.models.identity import Identity
from trainer.models.regression import Regression
from trainer.models.spatial import cluster_centres, expected_positions, label_map, soft_maps
from trainer.models.temporal import Temporal, TemporalState

CONFIDENCE_MASS = 1.5
"""Sum of squared probabilities at which a landmark's confidence is 63 %."""


@dataclass
class StepOutput:
    """One spatial step of one batch. S is the crop's side."""

    logits: Tensor
    """(B, L + 1, S, S) raw response maps M."""
    maps: Tensor
    """(B, L + 1, S, S) soft-maxed over channels."""
    c_id: Tensor
    """(B, 256, S/32, S/32) identity half of the code."""
    conv2_2: Tensor
    conv4_3: Tensor
    state: TemporalState | None
    """The LSTM's state after this frame, if it was advanced."""


@dataclass
class AlignOutput:
    """Landmarks of one batch of crops, everything float32."""

    landmarks: Tensor
    """(B, L, 2) xy in crop pixels: the final answer."""
    per_step: Tensor
    """(K, B, L, 2) xy in crop pixels, from the response maps of each spatial step."""
    regression: Tensor | None
    """(B, L, 2) xy in crop pixels, f_REG's answer; None where it wasn't asked."""
    confidence: Tensor
    """(B, L) from 0 to 1, the landmark's support in the last response map."""
    state: TemporalState | None
    """What the LSTM hands on to the next frame; None without f_tRNN."""
    identity: Tensor
    """(B, 256) identity embedding."""


class RedNet(nn.Module):
    """The whole network; nothing but ``config`` differs between its sizes."""

    mean_shape: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.regression = Regression(config)
        self.identity = Identity(config) if config.n_identities else None
        self.temporal = Temporal(config) if config.temporal != "none" else None
        # The training set's mean landmarks in the crop, in units of the crop's side.
        self.register_buffer("mean_shape", torch.full((config.n_landmarks, 2), 0.5))

    def mean_start(self, batch: int) -> Tensor:
        """The mean shape in crop pixels, (B, L, 2): where alignment starts."""
        return self._to_pixels(self.mean_shape).expand(batch, -1, -1)

    @staticmethod
    def normalise(images: Tensor) -> Tensor:
        """uint8 crops (B, S, S, 3) to float (B, 3, S, S), about -2 … 2."""
        return images.permute(0, 3, 1, 2).float().sub_(127.5).div_(64.0)

    def step(
        self,
        images: Tensor,
        start: Tensor,
        k: int,
        *,
        state: TemporalState | None = None,
        advance: bool = False,
        frames: int = 1,
    ) -> StepOutput:
        """Spatial step ``k`` (0-based).

        Parameters
        ----------
        images : (B, 3, S, S) float tensor, see :meth:`normalise`
        start : (B, L, 2) xy in crop pixels: where the label map's squares are drawn
        k : int
            Chooses the side of the squares.
        state : TemporalState or None
            The LSTM's state after the frame before; None is the start of a video.
        advance : bool
            Whether f_tRNN is run; it is once per frame, so at one of the K steps.
        frames : int
            T: the batch holds the faces of T frames, those of the first frame first.
        """
        squares = self.config.squares
        z = label_map(start, squares[min(k, len(squares) - 1)], images.shape[-1])
        x = torch.cat([images, z.to(images.dtype)], dim=1)
        x = x.contiguous(memory_format=torch.channels_last)
        code, indices, conv2_2, conv4_3 = self.encoder(x)
        half = code.shape[1] // 2
        c_id, c_pe = code[:, :half], code[:, half:]
        if advance and self.temporal is not None:
            c_pe, state = self.temporal(c_pe, state, frames)
            code = torch.cat([c_id, c_pe], dim=1)
        logits = self.decoder(code, indices)
        return StepOutput(logits, soft_maps(logits), c_id, conv2_2, conv4_3, state)

    def regress(self, out: StepOutput) -> Tensor:
        """f_REG on a step's output: (B, L, 2) xy in crop pixels."""
        offsets = self.regression(out.maps, out.conv2_2, out.conv4_3)
        return self._to_pixels(self.mean_shape + offsets)

    @torch.inference_mode()
    def align(
        self,
        images: Tensor,
        start: Tensor | None = None,
        *,
        state: TemporalState | None = None,
        steps: int | None = None,
        with_regression: bool = False,
    ) -> AlignOutput:
        """Landmarks of one frame of each of B faces.

        Parameters
        ----------
        images : (B, S, S, 3) uint8 crops, RGB
        start : (B, L, 2) xy in crop pixels, the last frame's landmarks when tracking;
            None starts from the mean shape
        state : TemporalState or None
            Of the frame before, for the same faces in the same order.
        steps : int or None
            Spatial steps to run; None is the configuration's K.
        with_regression : bool
            Run f_REG even where the configuration gives it no weight in the answer.
        """
        x = self.normalise(images)
        k_last = (self.config.steps if steps is None else steps) - 1
        points = self.mean_start(len(x)) if start is None else start
        per_step = []
        for k in range(k_last + 1):
            out = self.step(x, points, k, state=state, advance=k == k_last)
            points, mass = self.locate(out)
            per_step.append(points)
        regression = None
        if self.config.combine or with_regression:
            regression = self.regress(out)
            points = torch.lerp(points, regression, self.config.combine)
        return AlignOutput(
            landmarks=points,
            per_step=torch.stack(per_step),
            regression=regression,
            confidence=1 - torch.exp(-mass / CONFIDENCE_MASS),
            state=out.state,
            identity=Identity.embed(out.c_id),
        )

    def locate(self, out: StepOutput) -> tuple[Tensor, Tensor]:
        """A step's landmarks (B, L, 2) in crop pixels and their support (B, L).

        The expectation of the response map refines the cluster centre of the paper;
        without any support the cluster centre (or highest response) stands.
        """
        positions, mass = expected_positions(out.maps)
        weak = mass < 0.01
        if weak.any():
            centres, _ = cluster_centres(out.logits)
            positions = torch.where(weak[..., None], centres, positions)
        return positions, mass

    @staticmethod
    def _to_pixels(shape: Tensor) -> Tensor:
        return shape * CROP_SIZE - 0.5
