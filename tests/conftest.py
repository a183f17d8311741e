"""What every test gets: a place of its own to write, few threads, the real data if there."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Before anything is imported that reads them: no test may see or change the user's own
# settings, caches and sockets, and a crash can leave nothing behind in them.
_HOME = Path(tempfile.mkdtemp(prefix="napari-red-tests-"))
for _name in ("cache", "config", "data", "state", "runtime"):
    (_HOME / _name).mkdir(mode=0o700)
os.environ.update(
    XDG_CACHE_HOME=str(_HOME / "cache"),
    XDG_CONFIG_HOME=str(_HOME / "config"),
    XDG_DATA_HOME=str(_HOME / "data"),
    XDG_STATE_HOME=str(_HOME / "state"),
    XDG_RUNTIME_DIR=str(_HOME / "runtime"),
    NAPARI_CONFIG=str(_HOME / "config" / "napari.yaml"),
)
# Read when torch is imported, here and in every child process: the same sums on every
# machine, and two test runs side by side don't fight over cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A window needs OpenGL, which Qt's "offscreen" doesn't have, and belongs on the virtual
# screen, not on the desktop of whoever runs the tests.
os.environ.pop("QT_QPA_PLATFORM", None)
if sys.platform == "linux":
    os.environ.pop("WAYLAND_DISPLAY", None)

# Before the first window, for the reason that trainer.heads.gl.open_context gives.
with contextlib.suppress(ImportError):
    importlib.import_module("triton")


def pytest_unconfigure() -> None:
    """Remove what the tests wrote."""
    shutil.rmtree(_HOME, ignore_errors=True)


def pytest_collection_finish() -> None:
    """napari collects garbage whenever layers go: not through all that was imported."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Windows come first: after heads were drawn with an OpenGL context of their own, those
    of windows in the same process fail."""
    items.sort(key=lambda item: item.get_closest_marker("window") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Qt ends the process where there is no screen, so tests with a window stop before it."""
    if item.get_closest_marker("window") is None or sys.platform != "linux":
        return
    if not os.environ.get("DISPLAY"):
        reason = "no screen: install xvfb (scripts/setup.sh does) or set DISPLAY"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def _nothing_usual() -> None:
    """Nothing was exported yet: no test begins with how another one did it."""
    (_HOME / "config" / "napari-red" / "export.json").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real recordings and photographs; tests that use it are marked ``real_data``."""
    folder = Path(os.environ.get("NAPARI_RED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set NAPARI_RED_DATA to their folder")
    return folder.resolve()
