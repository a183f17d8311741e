import json
from dataclasses import replace

import numpy as np
import pytest
from made_annotation import made_video, same_landmarks

from napari_red.core.formats.base import FormatError
from napari_red.core.formats.registry import FORMATS

COCO = FORMATS["coco"]


def test_what_is_written_is_read_whole(tmp_path):
    video = made_video()
    (path,) = COCO.write([video], tmp_path)
    got = COCO.read(path, replace(video, faces=()))
    same_landmarks(got, video)
    for face, other in zip(got, video.faces, strict=True):
        assert (face.name, face.identity, face.models) == (other.name, other.identity, other.models)
        np.testing.assert_array_equal(face.accepted, other.accepted)
        np.testing.assert_array_equal(face.corrected, other.corrected)
        np.testing.assert_array_equal(face.visible, other.visible & other.labelled)
        np.testing.assert_allclose(face.confidence, other.confidence, atol=1e-4)


def test_pycocotools_reads_the_same_positions(tmp_path, capsys):
    coco_tools = pytest.importorskip("pycocotools.coco")
    video = made_video()
    (path,) = COCO.write([video], tmp_path)
    coco = coco_tools.COCO(str(path))
    frames = dict(video.by_frame())
    assert len(coco.imgs) == len(frames)
    (category,) = coco.loadCats(coco.getCatIds())
    assert len(category["keypoints"]) == 68
    assert category["skeleton"][0] == [1, 2]
    for image in coco.loadImgs(coco.getImgIds()):
        records = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        for record, (face, row) in zip(records, frames[image["frame_id"]], strict=True):
            triples = np.array(record["keypoints"]).reshape(-1, 3)
            labelled, visible = face.labelled[row], face.visible[row]
            np.testing.assert_array_equal(
                triples[:, 2], np.where(labelled, np.where(visible, 2, 1), 0)
            )
            np.testing.assert_allclose(
                triples[labelled, :2], face.landmarks[row][labelled], atol=1e-3
            )
            assert (triples[~labelled] == 0).all()
            assert record["num_keypoints"] == labelled.sum()
            x, y, w, h = record["bbox"]
            low, high = triples[labelled, :2].min(axis=0), triples[labelled, :2].max(axis=0)
            np.testing.assert_allclose((x, y, x + w - 1, y + h - 1), (*low, *high), atol=2e-3)


def test_pycocotools_finds_no_error_against_itself(tmp_path, capsys):
    pytest.importorskip("pycocotools.coco")
    from pycocotools.coco import COCO as Tools
    from pycocotools.cocoeval import COCOeval

    (path,) = COCO.write([made_video()], tmp_path)
    truth = Tools(str(path))
    found = [
        {key: a[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 1.0}
        for a in truth.anns.values()
    ]
    run = COCOeval(truth, truth.loadRes(found), "keypoints")
    run.params.kpt_oks_sigmas = np.full(68, 0.05)
    run.evaluate()
    run.accumulate()
    run.summarize()
    assert run.stats[0] == 1


def test_several_videos_go_into_one_file_and_come_back_apart(tmp_path):
    videos = [made_video("a"), made_video("b", 20), made_video("a")]
    (path,) = COCO.write(videos, tmp_path)
    same_landmarks(COCO.read(path, videos[1]), videos[1])
    with pytest.raises(FormatError, match=r"no video is called c in it \(there are: a, b, a_2\)"):
        COCO.read(path, made_video("c"))


def coco(annotations, **image):
    names = [f"landmark {n}" for n in range(68)]
    return {
        "images": [{"id": 1, "file_name": "frame_000002.png", **image}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "face", "keypoints": names}],
    }


ONE = {"id": 5, "image_id": 1, "category_id": 1, "keypoints": [7.5, 8, 2] * 67 + [0, 0, 0]}


def test_files_of_others_are_read_without_our_additions(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(coco([ONE, ONE | {"id": 6}])))
    first, second = COCO.read(path, made_video())
    assert first.frames.tolist() == second.frames.tolist() == [2]
    assert first.corrected[0].sum() == 67
    assert np.isnan(first.landmarks[0, 67]).all()


def test_faces_of_coco_wholebody_are_read(tmp_path):
    body = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [0] * 51}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(coco([body | {"face_kpts": [3, 4, 0.9] * 68, "face_valid": True}])))
    (face,) = COCO.read(path, made_video())
    assert (face.landmarks == (3, 4)).all()
    assert face.visible.all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(coco([ONE]))[:-40], "isn't a COCO file, or not a whole one"),
        ("[]", "has no lists 'images' and 'annotations'"),
        (json.dumps(coco([ONE | {"keypoints": [1, 2, 2] * 17}])), "annotation 5: 17 landmarks"),
        (json.dumps(coco([ONE | {"keypoints": [1, 2]}])), "isn't a COCO file of keypoints"),
        (json.dumps(coco([ONE | {"track_id": 1}] * 2)), "second time in frame 2"),
        (json.dumps(coco([ONE], file_name="a.png")), "no frame number"),
        (json.dumps(coco([ONE], frame_id=99)), r"is about frame 99 \(from 0\)"),
        (json.dumps(coco([])), "no landmarks of"),
    ],
)
def test_what_cannot_be_read_says_what_and_where(tmp_path, text, says):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=says) as error:
        COCO.read(path, made_video())
    assert "x.json" in str(error.value)
