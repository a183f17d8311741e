"""How likely a landmark is right: a logistic model of what the network saw of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from trainer.geometry import CROP_SIZE

EVIDENCE = (
    "mass", "spread", "regression", "mirror", "size", "sharpness", "contrast",
    "face's mass", "face's spread", "face's regression", "face's mirror",
)  # fmt: skip
"""What is known of a landmark, in the order of :func:`evidence`'s last axis.

mass, spread : of its last response map
regression : distance between the response map's answer and f_REG's
mirror : distance between the answers for the picture and its mirror picture
size : of the face in the crop, which shrinks as it turns
sharpness, contrast : of the crop, see :func:`picture_quality`
face's ... : the mean over all landmarks

Masses and lengths are logarithms, lengths first in units of the interocular distance.
What a configuration doesn't compute is 0.
"""

_LEAST_EYES = 8.0  # pixels between the eyes, below which they are no measure


def evidence(
    landmarks: Tensor,
    mass: Tensor,
    spread: Tensor,
    regression_gap: Tensor | None,
    mirror_gap: Tensor | None,
    quality: Tensor,
    eye_corners: tuple[int, int],
) -> Tensor:
    """What speaks for and against each landmark.

    Parameters
    ----------
    landmarks : (B, L, 2) xy in crop pixels
    mass, spread : (B, L), see :func:`trainer.models.spatial.response_moments`
    regression_gap, mirror_gap : (B, L) pixels, or None where not computed
    quality : (B, 2), see :func:`picture_quality`
    eye_corners : of the landmark scheme

    Returns
    -------
    (B, L, F) float32, F as in :data:`EVIDENCE`
    """
    first, second = eye_corners
    eyes = torch.linalg.vector_norm(landmarks[:, first] - landmarks[:, second], dim=-1)
    eyes = eyes.clamp_min(_LEAST_EYES)[:, None]
    nothing = torch.zeros_like(mass)
    own = [
        (mass + 0.1).log(),
        (spread / eyes.square() + 1e-4).log() / 2,
        nothing if regression_gap is None else (regression_gap / eyes + 0.005).log(),
        nothing if mirror_gap is None else (mirror_gap / eyes + 0.005).log(),
    ]
    size = (eyes / CROP_SIZE).log().expand_as(mass)
    picture = [one[:, None].expand_as(mass) for one in quality.unbind(dim=-1)]
    means = [one.mean(dim=1, keepdim=True).expand_as(one) for one in own]
    return torch.stack([*own, size, *picture, *means], dim=-1)


def picture_quality(images: Tensor) -> Tensor:
    """Logarithms of a crop's sharpness and contrast.

    (B, 3, S, S) pictures of :meth:`trainer.models.rednet.RedNet.normalise` to (B, 2) float32:
    the mean second difference between neighbours, and the spread, of their brightness.
    """
    grey = images.float().mean(dim=1)
    middle = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    sharpness = (around - 4 * middle).abs().mean(dim=(1, 2))
    return torch.stack([sharpness + 0.01, grey.std(dim=(1, 2)) + 0.03], dim=-1).log()


class Confidence(nn.Module):
    """Evidence to probability: a slope for each kind of evidence and a level.

    ``slopes`` is (L, F), one of each kind for each landmark, or (F,) for all alike; ``levels``
    (L,). The numbers aren't part of a network's ``state_dict``: they hold for the weights they
    were fitted to, and a network that is trained on has to be calibrated anew.
    """

    slopes: Tensor
    levels: Tensor

    def __init__(self, slopes: np.ndarray | Tensor, levels: np.ndarray | Tensor) -> None:
        super().__init__()
        for name, values in (("slopes", slopes), ("levels", levels)):
            tensor = torch.as_tensor(values, dtype=torch.float32)
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, evidence: Tensor) -> Tensor:
        """(B, L, F) evidence to (B, L) confidence, 0 to 1."""
        # No matrix product: autocast would do that in bfloat16.
        return torch.sigmoid((evidence * self.slopes).sum(dim=-1) + self.levels)
