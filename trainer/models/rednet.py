"""RED-Net put together: f_ENC, f_DENC, f_sRNN, f_tRNN, f_CLS, f_REG."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.config import NetworkConfig
from trainer.geometry import CROP_SIZE
from trainer.models.confidence import Confidence, evidence, picture_quality
from trainer.models.encoder_decoder import Decoder, Encoder
from trainer.models.identity import Identity
from trainer.models.regression import Regression
from trainer.models.spatial import (
    cluster_centres,
    label_map,
    response_moments,
    soft_label_map,
    soft_maps,
)
from trainer.models.temporal import Temporal, TemporalState
from trainer.scheme import scheme_for

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
    """(B, L) from 0 to 1, probability that the landmark is within 5 % of the interocular
    distance; ``support`` where the network isn't calibrated."""
    support: Tensor
    """(B, L) from 0 to 1, of the landmark in the last response map: is there a face at all?"""
    evidence: Tensor
    """(B, L, F) what ``confidence`` is made of, see :data:`trainer.models.confidence.EVIDENCE`."""
    state: TemporalState | None
    """What the LSTM hands on to the next frame; None without f_tRNN."""
    identity: Tensor
    """(B, 256) identity embedding."""
    disagreement: Tensor | None = None
    """(B,) mean distance between the response maps' and f_REG's landmarks, in sides of the
    upright face box; None where f_REG wasn't asked."""


@dataclass
class _Look:
    """What the network sees in one batch, before it is judged; see :class:`AlignOutput`."""

    per_step: Tensor
    mass: Tensor
    """(B, L) of the last response map."""
    spread: Tensor
    """(B, L) of the last response map, pixels²."""
    regression: Tensor | None
    state: TemporalState | None
    identity: Tensor


class RedNet(nn.Module):
    """The whole network; nothing but ``config`` differs between its sizes."""

    mean_shape: Tensor
    flip: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.regression = Regression(config)
        self.identity = Identity(config) if config.n_identities else None
        self.temporal = Temporal(config) if config.temporal != "none" else None
        self.confidence: Confidence | None = None  # until it is calibrated
        # The training set's mean landmarks in the crop, in units of the crop's side.
        self.register_buffer("mean_shape", torch.full((config.n_landmarks, 2), 0.5))
        flip = torch.tensor(scheme_for(config.n_landmarks).flip)
        self.register_buffer("flip", flip, persistent=False)

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
        before: StepOutput | None = None,
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
        before : StepOutput or None
            The step before, for a network that is fed soft response maps.
        """
        if before is not None and self.config.soft_feedback:
            z = soft_label_map(before.maps)
        else:
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
        mirrored: bool | None = None,
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
        mirrored : bool or None
            Average with the answer for the mirror picture; None is as configured. A
            state comes from calls with the same setting.
        """
        steps = self.config.steps if steps is None else steps
        points = self.mean_start(len(images)) if start is None else start
        if self.config.mirrored if mirrored is None else mirrored:
            look, mirror = self._look_twice(images, points, start, state, steps, with_regression)
        else:
            look, mirror = self._look(images, points, state, steps, with_regression), None
        landmarks, gap, disagreement = look.per_step[-1], None, None
        if look.regression is not None:
            apart = torch.linalg.vector_norm(landmarks - look.regression, dim=-1)
            disagreement = apart.mean(dim=-1) / _side(landmarks)
            # Where f_REG has no say it may not have been asked, so it gives no evidence either.
            if self.config.combine:
                gap = apart
                landmarks = torch.lerp(landmarks, look.regression, self.config.combine)
        eyes = scheme_for(self.config.n_landmarks).eye_corners
        quality = picture_quality(self.normalise(images))
        known = evidence(landmarks, look.mass, look.spread, gap, mirror, quality, eyes)
        support = 1 - torch.exp(-look.mass / CONFIDENCE_MASS)
        return AlignOutput(
            landmarks=landmarks,
            per_step=look.per_step,
            regression=look.regression,
            confidence=support if self.confidence is None else self.confidence(known),
            support=support,
            evidence=known,
            state=look.state,
            identity=look.identity,
            disagreement=disagreement,
        )

    def _look(
        self,
        images: Tensor,
        points: Tensor,
        state: TemporalState | None,
        steps: int,
        with_regression: bool,
    ) -> _Look:
        """``steps`` spatial steps from ``points``; parameters are those of :meth:`align`."""
        x = self.normalise(images)
        per_step = []
        out: StepOutput | None = None
        for k in range(steps):
            out = self.step(x, points, k, state=state, advance=k == steps - 1, before=out)
            points, mass, spread = self._locate(out)
            per_step.append(points)
        assert out is not None  # a network has at least one step
        wanted = self.config.combine or with_regression
        return _Look(
            torch.stack(per_step),
            mass,
            spread,
            self.regress(out) if wanted else None,
            out.state,
            Identity.embed(out.c_id),
        )

    def _look_twice(
        self,
        images: Tensor,
        points: Tensor,
        start: Tensor | None,
        state: TemporalState | None,
        steps: int,
        with_regression: bool,
    ) -> tuple[_Look, Tensor]:
        """The mean of the looks at a picture and its mirror picture, and how far they differ.

        A face and its mirror lie next to each other in a batch of 2 B.
        """
        n = len(images)
        # The mean shape stands for any face, a mirrored one too.
        other = points if start is None else self._flip(start)
        look = self._look(
            torch.stack([images, images.flip(2)], dim=1).flatten(0, 1),
            torch.stack([points, other], dim=1).flatten(0, 1),
            state.rows(2 * n) if state is not None else None,
            steps,
            with_regression,
        )
        per_step = torch.stack([look.per_step[:, ::2], self._flip(look.per_step[:, 1::2])])
        regression = look.regression
        if regression is not None:
            regression = (regression[::2] + self._flip(regression[1::2])) / 2
        flip = self.flip
        both = _Look(
            per_step.mean(dim=0),
            (look.mass[::2] + look.mass[1::2][:, flip]) / 2,
            (look.spread[::2] + look.spread[1::2][:, flip]) / 2,
            regression,
            look.state.rows(n) if look.state is not None else None,
            (look.identity[::2] + look.identity[1::2]) / 2,
        )
        own, mirror = per_step[:, -1]
        return both, torch.linalg.vector_norm(own - mirror, dim=-1)

    def _flip(self, points: Tensor) -> Tensor:
        """Landmarks (..., L, 2) in crop pixels, in the mirror picture."""
        x, y = points[..., self.flip, :].unbind(dim=-1)
        return torch.stack([CROP_SIZE - 1 - x, y], dim=-1)

    def locate(self, out: StepOutput) -> tuple[Tensor, Tensor]:
        """A step's landmarks (B, L, 2) in crop pixels and their support (B, L).

        The expectation of the response map refines the cluster centre of the paper;
        without any support the cluster centre (or highest response) stands.
        """
        return self._locate(out)[:2]

    def _locate(self, out: StepOutput) -> tuple[Tensor, Tensor, Tensor]:
        """:meth:`locate`, and the response's spread (B, L) in pixels²."""
        positions, mass, spread = response_moments(out.maps)
        weak = mass < 0.01
        if weak.any():
            centres, _ = cluster_centres(out.logits)
            positions = torch.where(weak[..., None], centres, positions)
        return positions, mass, spread

    @staticmethod
    def _to_pixels(shape: Tensor) -> Tensor:
        return shape * CROP_SIZE - 0.5


def _side(landmarks: Tensor) -> Tensor:
    """Side of the box around (B, L, 2) landmarks, mean of width and height: (B,)."""
    extent = landmarks.amax(dim=1) - landmarks.amin(dim=1)
    return extent.mean(dim=-1).clamp_min(1.0)
