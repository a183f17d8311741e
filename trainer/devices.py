"""Where the network runs, and in which precision it is fastest there.

bfloat16 is 1.5 to 3 times as fast as float32 on processors that calculate in it and slower
on others, so each processor is asked once, for about a second, and the answer remembered.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from trainer.errors import RedError
from trainer.geometry import CROP_SIZE

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("fp32", "bf16")
_log = logging.getLogger(__name__)


class DeviceError(RedError):
    """A device that was asked for and isn't there."""


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """The device called ``name``; "auto" takes the fastest one there is.

    Raises
    ------
    DeviceError
        If the name is unknown or the device isn't there.
    """
    kind, _, index = str(name).partition(":")
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if kind == "auto":
        return torch.device(next(k for k in ("cuda", "mps", "cpu") if there[k]))
    if kind not in there or (index and not index.isdecimal()):
        raise DeviceError(f"no device is called '{name}'; choose one of {', '.join(DEVICES)}")
    usable = ", ".join(k for k in there if there[k])
    if not there[kind]:
        raise DeviceError(
            f"device '{name}' was asked for and isn't usable here (usable: {usable}); "
            f"choose 'auto' or 'cpu', or install a PyTorch build and driver for {kind.upper()}"
        )
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise DeviceError(
            f"device '{name}' was asked for, there are {torch.cuda.device_count()} CUDA devices, "
            "counted from 0; choose another number"
        )
    return torch.device(str(name))


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let PyTorch calculate with ``count`` threads inside the block; None changes nothing."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(max(1, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def spare_threads() -> int:
    """CPU threads that leave a core to the window: all cores but one, at least one."""
    return max((os.cpu_count() or 2) - 1, 1)


class Runner:
    """A network as it is fastest on one device: batch norm folded in, precision chosen.

    The network given is left as it is.

    Parameters
    ----------
    model : a :class:`trainer.models.rednet.RedNet`, or anything with its ``align``
    device : from :func:`resolve_device`
    precision : {"fp32", "bf16"} or None
        None chooses by measuring on a CPU, and what the hardware has elsewhere.
    """

    def __init__(self, model: Any, device: torch.device, precision: str | None = None) -> None:
        self.device = device
        if isinstance(model, nn.Module):
            model = folded(model).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            precision = precision or choose_precision(model, device)
        self.model = model
        self.precision = precision or "fp32"
        config = getattr(model, "config", None)
        self.tracked_steps: int | None = config.tracked_steps if config is not None else None

    def align(
        self, images: Tensor, start: Tensor | None, state: Any, *, tracked: bool = False
    ) -> Any:
        """``model.align`` in the chosen precision; all tensors on :attr:`device`.

        A ``tracked`` face, which starts from the frame before, gets the spatial steps
        configured for that.
        """
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"
        ):
            steps = self.tracked_steps if tracked else None
            return self.model.align(images, start, state=state, steps=steps)


def folded(model: nn.Module) -> nn.Module:
    """A copy of a network for inference, each batch norm folded into its convolution."""
    model = copy.deepcopy(model).eval().requires_grad_(False)
    for block in model.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for index in range(len(block) - 1):
            conv, norm = block[index], block[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                block[index] = fuse_conv_bn_eval(conv, norm)
                block[index + 1] = nn.Identity()
    return model


def choose_precision(model: nn.Module, device: torch.device, cache: Path | None = None) -> str:
    """The faster of "fp32" and "bf16" for ``model.align``.

    A CPU is measured with the present number of threads, and the answer kept in
    ``cache``, by default a file in the user's cache folder.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type != "cpu":
        return "fp32"
    cache = cache or user_cache_path("napari-red") / "precision.json"
    weights = sum(p.numel() for p in model.parameters())
    key = f"{_processor()} x{torch.get_num_threads()}, torch {torch.__version__}, {weights} weights"
    known = _read_cache(cache)
    if known.get(key) not in PRECISIONS:
        times = {precision: _measure(model, precision) for precision in PRECISIONS}
        known[key] = min(PRECISIONS, key=lambda precision: times[precision])
        _write_cache(cache, known)
    return known[key]


def autocast_dtype(model: nn.Module, device: torch.device) -> torch.dtype:
    """What :func:`choose_precision` chose, as autocast takes it."""
    return torch.bfloat16 if choose_precision(model, device) == "bf16" else torch.float32


def _measure(model: Any, precision: str, rounds: int = 5) -> float:
    """Best seconds of one face, which other programs' load disturbs least."""
    images = torch.full((1, CROP_SIZE, CROP_SIZE, 3), 100, dtype=torch.uint8)
    times = []
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        for _ in range(rounds + 2):
            start = time.perf_counter()
            model.align(images, None)
            times.append(time.perf_counter() - start)
    return min(times[2:])


def _processor() -> str:
    if platform.system() == "Linux":
        try:
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        except OSError as error:
            _log.debug("no processor name: %s", error)
    return platform.processor() or platform.machine()


def _read_cache(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.info("%s is measured anew: %s", path, error)
        return {}
    return known if isinstance(known, dict) else {}


def _write_cache(path: Path, known: dict[str, str]) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        # Without it the next start measures again, which costs a second and no result.
        _log.info("%s can't be written, so the speed is measured at each start: %s", path, error)
