"""Skips what draws where no OpenGL can be had, and only there."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def opengl() -> None:
    """An OpenGL context without a window."""
    from trainer.heads.gl import HeadsError, open_context

    try:
        open_context()
    except HeadsError as error:
        if "moderngl" in str(error):
            raise
        pytest.skip(str(error))
