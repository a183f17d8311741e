"""Videos of every kind, made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from make_videos import KINDS, write_video


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {name: write_video(folder / name, **how) for name, how in KINDS.items()}
