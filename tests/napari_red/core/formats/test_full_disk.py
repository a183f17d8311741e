"""A disk that is full while annotation is written to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_annotation import made_video

from napari_red.core.formats.base import FormatError
from napari_red.core.formats.hdf5_files import hdf5_file
from napari_red.core.formats.registry import FORMATS

resource = pytest.importorskip("resource", reason="Windows limits no sizes of files")


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no room is set apart there")
@pytest.mark.parametrize("n_bytes", [20_000, 60_000, 120_000])
@pytest.mark.parametrize(
    ("key", "library"),
    [("sleap", "sleap_io"), ("deeplabcut", "tables"), ("deeplabcut-tracks", "tables")],
)
def test_what_hdf5_has_no_room_for_is_told_and_nothing_is_left_of_it(
    key: str, library: str, n_bytes: int, tmp_path: Path
) -> None:
    pytest.importorskip(library)
    videos = [made_video(f"v{number}", 40) for number in range(8)]
    out = tmp_path / "out"
    with files_of_at_most(n_bytes), pytest.raises(FormatError, match="free some space there"):
        FORMATS[key].write(videos, out)
    left = {path.suffix for path in out.rglob("*") if path.is_file()}
    assert left <= {".csv", ".json"}, "no part of a file of HDF5"
    FORMATS[key].write(videos, out)


def test_what_the_system_says_to_hdf5_is_told_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(OSError, match="No space left") as caught, hdf5_file(path, 10):
        raise RuntimeError("Can't decrement id ref count (unable to extend, errno = 28, error)")
    assert caught.value.errno == 28
    with pytest.raises(RuntimeError, match="no such type"), hdf5_file(path, 10):
        raise RuntimeError("no such type")
    assert not path.exists()
