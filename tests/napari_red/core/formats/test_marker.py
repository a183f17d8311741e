"""A marker that somebody or something has changed."""

import json

import pytest
from made_annotation import made_video, same_landmarks

from napari_red.core.formats.base import FormatError
from napari_red.core.formats.marker import NAME, Marker, Origin
from napari_red.core.formats.registry import FORMATS

SIZES = ([], [1], [1, 2, 3], [0, 240], [-4, 3], ["a", 1], 5, [None, 1], [float("inf"), 1])
DAMAGED = [
    "",
    "[]",
    '{"of": []}',
    '{"files": 5}',
    *(json.dumps({"files": ["x"], "of": {".": {"size": size}}}) for size in SIZES),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_marker_is_told(text, tmp_path):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(ValueError, match=r"napari-red\.json: isn't what this program writes"):
        Marker.read(tmp_path)


@pytest.mark.parametrize("text", DAMAGED)
def test_beside_a_damaged_marker_nothing_is_written_and_what_is_there_is_read(text, tmp_path):
    video = made_video()
    (folder,) = FORMATS["pts"].write([video], tmp_path)
    (folder / NAME).write_text(text)
    with pytest.raises(FormatError, match=r"is damaged.* choose another folder"):
        FORMATS["pts"].write([video], tmp_path)
    same_landmarks(FORMATS["pts"].read(tmp_path, video), video)


def test_a_whole_one_is_read(tmp_path):
    marker = Marker(["a"], {"a": Origin("p", "v", (320, 240)), "b": Origin("p")})
    marker.write(tmp_path)
    assert Marker.read(tmp_path) == marker
