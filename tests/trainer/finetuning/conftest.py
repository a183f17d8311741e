from pathlib import Path

import pytest
from pushed_fixtures import fine_tune, tiny_base, write_set


@pytest.fixture
def base(tmp_path) -> Path:
    return tiny_base(tmp_path / "base.safetensors")


@pytest.fixture
def pushed(tmp_path) -> Path:
    return write_set(tmp_path / "set")


@pytest.fixture
def tune(tmp_path, base, pushed):
    """:func:`fine_tune` in a folder of the test's own."""

    def run(out="out", *, pushed=pushed, base=base, **more):
        return fine_tune(tmp_path, out, pushed=pushed, base=base, **more)

    return run
