"""Whether PyTorch sees the GPU that the machine has, and what mends it if not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

WHEELS = ((13, 0, "cu130"), (12, 8, "cu128"), (12, 0, "cu126"), (11, 8, "cu118"))
"""The newest CUDA of a driver, and the PyTorch that runs with it, newest first."""

INDEX = "https://download.pytorch.org/whl"


def nvidia_driver() -> tuple[str, tuple[int, int]] | None:
    """Name of the first NVIDIA GPU and the newest CUDA (major, minor) its driver knows; None
    where there is no GPU or no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    names = _output([program, "--query-gpu=name", "--format=csv,noheader"]).splitlines()
    found = re.search(r"CUDA Version:\s*(\d+)\.(\d+)", _output([program]))
    if not names or found is None:
        return None
    return names[0].strip(), (int(found[1]), int(found[2]))


def mending(cuda: tuple[int, int], built_for: str | None) -> str:
    """What to do where PyTorch doesn't see a GPU.

    Parameters
    ----------
    cuda : the newest CUDA that the driver knows
    built_for : the CUDA that the PyTorch at hand was built for; None for a CPU one

    Returns
    -------
    The exact command line, or what to update first.
    """
    fitting = next((name for *least, name in WHEELS if cuda >= tuple(least)), None)
    if fitting is None:
        return (
            f"update the NVIDIA driver (it knows CUDA {cuda[0]}.{cuda[1]}, 11.8 is needed at least)"
        )
    if built_for is not None and tuple(map(int, built_for.split(".")[:2])) <= cuda:
        return "restart the machine; if that doesn't help, install the NVIDIA driver again"
    pip = f'"{sys.executable}" -m pip'
    return f'{pip} uninstall -y torch && {pip} install "torch>=2.6" --index-url {INDEX}/{fitting}'


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
