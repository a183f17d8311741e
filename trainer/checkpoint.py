"""Model files: safetensors with a JSON header. Loading one never runs code."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trainer.config import network_from_dict, to_dict
from trainer.model_header import FORMAT, ModelError, read_header
from trainer.models.confidence import EVIDENCE, Confidence
from trainer.models.rednet import RedNet

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
_CONFIDENCE = "confidence."
_CALIBRATION = (f"{_CONFIDENCE}slopes", f"{_CONFIDENCE}levels")

_INT8, _SCALE = "|int8", "|scale"
_LEAST_COMPACT = 4096
"""Weights below which eight bits save next to nothing."""


@dataclass
class LoadedModel:
    """A network ready to align, and how it came to be.

    ``info`` holds ``network`` (its configuration), ``config``, ``stage``, ``data``,
    ``metrics``, ``parent``, ``label_shift`` as far as the file says.
    """

    model: RedNet
    info: dict[str, Any]
    name: str

    @property
    def label_shift(self) -> tuple[float, float]:
        """xy: how far to the right of its answers, and below them, the labels lie
        that it was trained on, in pixels of their pictures; 0 where that was never learned.

        Raises
        ------
        ModelError
            If the file says something that is no such thing.
        """
        try:
            shift = np.array(self.info.get("label_shift", (0, 0)), float)
        except (TypeError, ValueError):
            shift = np.full(2, np.nan)
        if shift.shape != (2,) or not np.isfinite(shift).all():
            raise ModelError(f"{self.name}: its label_shift isn't two numbers; copy the file again")
        return float(shift[0]), float(shift[1])


def available_models() -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob("*.safetensors"))


def save_tensors(path: str | Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header, completely or not at all.

    Raises
    ------
    ModelError
        If the file can't be written.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(plain, partial, {"format": FORMAT, "header": json.dumps(header)})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:  # the second where the disk is full
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or error
        raise ModelError(
            f"{path}: can't be written ({why}); make room on that disk, or choose another folder "
            "you may write to"
        ) from error


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save_tensors` wrote.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or not one of ours.
    """
    path = Path(path)
    header = read_header(path)
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: isn't a readable model file ({error}); copy it again") from error
    return tensors, header


def save_model(path: str | Path, model: RedNet, info: dict[str, Any] | None = None) -> None:
    """Write a model file. ``info`` (JSON values) says how the model came to be.

    Weights are stored as float16, batch-norm statistics, the mean shape and the numbers of
    the confidence, where it is calibrated, as float32. Where ``info["compact"]`` is true, the
    large weights are stored in eight bits with a scale for each output channel: half the file.
    """
    compact = bool(info and info.get("compact"))
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        exact = name.endswith(("running_mean", "running_var")) or name == "mean_shape"
        if compact and not exact and tensor.ndim > 1 and tensor.numel() >= _LEAST_COMPACT:
            tensors |= _in_eight_bits(name, tensor)
        else:
            tensors[name] = tensor.float() if exact else tensor.half()
    if model.confidence is not None:
        for name, tensor in model.confidence.named_buffers():
            tensors[f"{_CONFIDENCE}{name}"] = tensor.float()
    save_tensors(path, tensors, {**(info or {}), "network": to_dict(model.config)})


def load_model(
    name_or_path: str | Path = "red-lite",
    device: str | torch.device = "cpu",
    *,
    n_landmarks: int | None = None,
) -> LoadedModel:
    """Open a model by the name of one that ships, or by path.

    Parameters
    ----------
    name_or_path : "red-lite", or the path of a ``.safetensors`` file
    device : where its weights are put
    n_landmarks : int or None
        The number of landmarks needed; None takes any.

    Raises
    ------
    ModelError
        If it is unknown, damaged, or has another number of landmarks.
    """
    path = _find(name_or_path)
    tensors, info = load_tensors(path)
    if "network" not in info:
        raise ModelError(f"{path}: has no network configuration; it isn't a finished model")
    config = network_from_dict(info["network"])
    if n_landmarks is not None and config.n_landmarks != n_landmarks:
        raise ModelError(
            f"{path}: a model of {config.n_landmarks} landmarks, needed are {n_landmarks}; "
            "choose another model"
        )
    model = RedNet(config)
    tensors = _from_eight_bits(tensors)
    calibration = {name: tensors.pop(name) for name in list(tensors) if name in _CALIBRATION}
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name.endswith("num_batches_tracked"):
            tensors.setdefault(name, tensor)
    wrong = sorted(
        name
        for name in expected.keys() | tensors.keys()
        if name not in tensors
        or name not in expected
        or tensors[name].shape != expected[name].shape
    )
    if wrong:
        raise ModelError(
            f"{path}: weights and configuration don't fit ({wrong[0]} and {len(wrong) - 1} more); "
            "the file is damaged or was made by another version"
        )
    model.load_state_dict(
        {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}
    )
    model.confidence = _confidence(path, calibration, config.n_landmarks)
    model.eval().requires_grad_(False)
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LoadedModel(model, info, path.stem)


def _in_eight_bits(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A weight as int8, and for each output channel what they are to be multiplied by."""
    weight = tensor.detach().float()
    scale = weight.abs().flatten(1).amax(1).clamp_min(1e-12) / 127
    whole = (weight / scale.view(-1, *[1] * (weight.ndim - 1))).round()
    return {f"{name}{_INT8}": whole.to(torch.int8), f"{name}{_SCALE}": scale}


def _from_eight_bits(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All tensors under their own names; one whose scale is missing stays as it is."""
    out = {}
    for name, tensor in tensors.items():
        own = name.removesuffix(_INT8)
        scale = tensors.get(f"{own}{_SCALE}")
        if name.endswith(_INT8) and scale is not None and scale.shape == tensor.shape[:1]:
            out[own] = tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
        elif not (name.endswith(_SCALE) and f"{name.removesuffix(_SCALE)}{_INT8}" in tensors):
            out[name] = tensor
    return out


def _confidence(path: Path, calibration: dict[str, Tensor], n_landmarks: int) -> Confidence | None:
    """What a file says of confidence; None where it was never calibrated."""
    if not calibration:
        return None
    shapes = [tuple(calibration[name].shape) for name in _CALIBRATION if name in calibration]
    kinds = len(EVIDENCE)
    if shapes not in ([(n_landmarks, kinds), (n_landmarks,)], [(kinds,), (n_landmarks,)]):
        raise ModelError(
            f"{path}: its confidence was calibrated by another version; calibrate the model it "
            "was made from again, or update napari-red"
        )
    return Confidence(*(calibration[name] for name in _CALIBRATION))


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".safetensors":
        return path
    shipped = WEIGHTS_FOLDER / f"{name_or_path}.safetensors"
    if not shipped.is_file():
        known = ", ".join(available_models()) or "none ships with this copy"
        raise ModelError(
            f"no model is called '{name_or_path}'; known: {known}; "
            "or give the path of a .safetensors file"
        )
    return shipped
