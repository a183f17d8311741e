import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from jsonschema import validate
from made_annotation import made_face, made_video

from napari_red.core.annotation import VideoAnnotation
from napari_red.core.formats.registry import FORMATS

STUDIO = FORMATS["labelstudio"]

PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
REGION = {
    "type": "object",
    "required": ["id", "type", "from_name", "to_name", "original_width", "original_height"],
    "properties": {
        "type": {"enum": ["rectanglelabels", "keypointlabels", "choices"]},
        "to_name": {"const": "image"},
        "value": {
            "type": "object",
            "required": ["x", "y", "width"],
            "properties": {"x": PERCENT, "y": PERCENT, "width": PERCENT, "height": PERCENT},
        },
    },
}
RESULT = {
    "type": "object",
    "required": ["result"],
    "properties": {"result": {"type": "array", "items": REGION}},
}
# As documented for importing pre-annotated data.
TASKS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "object", "required": ["image"]},
            "annotations": {"type": "array", "items": RESULT},
            "predictions": {
                "type": "array",
                "items": RESULT | {"required": ["result", "model_version"]},
            },
        },
        "additionalProperties": False,
    },
}


@pytest.fixture
def written(tmp_path):
    video = made_video()
    *files, interface = STUDIO.write([video], tmp_path)
    tasks = [task for file in files for task in json.loads(file.read_text("utf-8"))]
    return video, tasks, ET.parse(interface).getroot(), files


def test_tasks_are_as_documented(written):
    _, tasks, interface, _ = written
    validate(tasks, TASKS)
    tags = {element.attrib.get("name"): element for element in interface}
    for task in tasks:
        for made in (*task.get("annotations", ()), *task.get("predictions", ())):
            for region in made["result"]:
                tag = tags[region["from_name"]]
                assert tag.attrib["toName"] == region["to_name"]
                known = {child.attrib["value"] for child in tag}
                assert set(region["value"][region["type"]]) <= known


def test_positions_are_per_cent_of_the_picture_from_its_corner(written):
    video, tasks, _, _ = written
    frames = dict(video.by_frame())
    assert [task["data"]["frame"] for task in tasks] == sorted(frames)
    for task in tasks:
        (made,) = task.get("annotations") or task["predictions"]
        points = [r for r in made["result"] if r["type"] == "keypointlabels"]
        hidden = {r["id"] for r in made["result"] if r["type"] == "choices"}
        boxes = {r["id"]: r for r in made["result"] if r["type"] == "rectanglelabels"}
        assert len(boxes) == len(frames[task["data"]["frame"]])
        for face, row in frames[task["data"]["frame"]]:
            region = f"f{task['data']['frame']}-{face.face}"
            own = {int(p["id"][-2:]): p for p in points if p["parentID"] == region}
            assert sorted(own) == np.flatnonzero(face.labelled[row]).tolist()
            for index, point in own.items():
                x = point["value"]["x"] / 100 * 320 - 0.5
                y = point["value"]["y"] / 100 * 240 - 0.5
                np.testing.assert_allclose((x, y), face.landmarks[row, index], atol=1e-3)
                assert (point["id"] in hidden) != face.visible[row, index]


def test_what_nobody_touched_is_a_prediction(written):
    video, tasks, _, _ = written
    for task in tasks:
        rows = dict(video.by_frame())[task["data"]["frame"]]
        assert ("annotations" in task) == any(face.by_person[row] for face, row in rows)
        if "predictions" in task:
            assert 0 < task["predictions"][0]["score"] < 1
            models = {face.models[row] for face, row in rows} - {None}
            version = task["predictions"][0]["model_version"]
            assert version == (", ".join(sorted(models)) or "napari-red")


def test_many_frames_go_into_several_files(tmp_path):
    face = made_face(0, list(range(1500)))
    video = VideoAnnotation(None, "v", 1500, 240, 320, 25.0, faces=(face,))
    *files, _ = STUDIO.write([video], tmp_path)
    assert [len(json.loads(file.read_text("utf-8"))) for file in files] == [1000, 500]
