import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from made_annotation import made_video

from napari_red.core.formats.registry import FORMATS

CVAT = FORMATS["cvat"]


@pytest.fixture
def written(tmp_path):
    video = made_video()
    path, labels = CVAT.write([video], tmp_path)
    return video, ET.parse(path).getroot(), json.loads(labels.read_text("utf-8"))


def shown(root, n_frames):
    """What CVAT shows after an import: a shape stays until the next key frame; where it is
    outside, it isn't shown. Gives (face, frame, name) to (x, y, occluded)."""
    found = {}
    for number, track in enumerate(root.iter("track")):
        keys = {int(s.attrib["frame"]): s for s in track.iter("skeleton")}
        current = None
        for frame in range(n_frames):
            current = keys.get(frame, current)
            for point in () if current is None else current.iter("points"):
                if point.attrib["outside"] == "0":
                    x, y = map(float, point.attrib["points"].split(","))
                    hidden = point.attrib["occluded"] == "1"
                    found[number, frame, point.attrib["label"]] = (x, y, hidden)
    return found


def test_cvat_shows_each_landmark_where_it_is_and_in_no_other_frame(written):
    video, root, _ = written
    names = [sub["name"] for sub in written[2][0]["sublabels"]]
    wanted = {
        (face.face, frame, names[index])
        for face in video.faces
        for row, frame in enumerate(face.frames.tolist())
        for index in np.flatnonzero(face.labelled[row])
    }
    got = shown(root, video.n_frames)
    assert set(got) == wanted
    for face in video.faces:
        for row, frame in enumerate(face.frames.tolist()):
            for index in np.flatnonzero(face.labelled[row]):
                x, y, hidden = got[face.face, frame, names[index]]
                # CVAT's first pixel has its centre at 0.5.
                np.testing.assert_allclose(
                    (x - 0.5, y - 0.5), face.landmarks[row, index], atol=1e-3
                )
                assert hidden != face.visible[row, index]


def test_every_skeleton_has_every_landmark_with_a_position_cvat_can_read(written):
    video, root, _ = written
    for skeleton in root.iter("skeleton"):
        points = list(skeleton.iter("points"))
        assert len({point.attrib["label"] for point in points}) == 68
        assert {point.attrib["keyframe"] for point in points} == {"1"}
        values = [float(v) for p in points for v in p.attrib["points"].split(",")]
        assert np.isfinite(values).all()
        assert int(skeleton.attrib["frame"]) < video.n_frames


def test_labels_to_paste_are_those_of_the_file(written):
    _, root, (label,) = written
    parents = [entry for entry in root.iter("label") if entry.findtext("parent")]
    assert [entry.findtext("name") for entry in parents] == [s["name"] for s in label["sublabels"]]
    drawing = ET.fromstring(f"<svg>{label['svg']}</svg>")
    circles = drawing.findall("circle")
    assert [c.attrib["data-label-name"] for c in circles] == [s["name"] for s in label["sublabels"]]
    edges = drawing.findall("line")
    assert (edges[0].attrib["data-node-from"], edges[0].attrib["data-node-to"]) == ("1", "2")
    ours = {a["name"] for a in label["attributes"]}
    used = {a.attrib["name"] for s in root.iter("skeleton") for a in s.iter("attribute")}
    assert used == ours


def test_identity_and_acceptance_go_along(written):
    _, root, _ = written
    first = next(root.iter("skeleton"))
    values = {a.attrib["name"]: a.text for a in first.iter("attribute")}
    assert (values["identity"], values["accepted"]) == ("Zoë <Öz>", "true")
