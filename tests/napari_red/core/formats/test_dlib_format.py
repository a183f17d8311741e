import xml.etree.ElementTree as ET
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from made_annotation import made_face, made_video, same_landmarks

from napari_red.core.formats.base import FormatError, Options
from napari_red.core.formats.registry import FORMATS

DLIB = FORMATS["dlib"]


def picture(video, frame):
    rng = np.random.default_rng(frame)
    return rng.integers(0, 255, (video.height, video.width, 3), dtype=np.uint8)


def test_what_is_written_is_read_to_the_pixel(tmp_path):
    video = made_video()
    path, *_ = DLIB.write([video], tmp_path)
    assert path.name == "Gespräch 1 & 2.xml"
    got = DLIB.read(path, video)
    same_landmarks(got, video, atol=0.5001)
    assert [face.name for face in got] == ["Zoë <Öz>", "face 2"]
    assert np.isnan(got[0].landmarks[1, 30]).all()


def test_dlib_reads_the_same_positions(tmp_path):
    dlib = pytest.importorskip("dlib")
    video = made_video()
    path, *_ = DLIB.write([video], tmp_path)
    images = dlib.image_dataset_metadata.load_image_dataset_metadata(str(path)).images
    assert len(images) == 8
    frames = dict(video.by_frame())
    for image in images:
        frame = int(image.filename.rpartition("/")[2][:-4]) - 1
        assert len(image.boxes) == len(frames[frame])
        for box, (face, row) in zip(image.boxes, frames[frame], strict=True):
            parts = {int(name): (p.x, p.y) for name, p in box.parts.items()}
            labelled = np.flatnonzero(face.labelled[row])
            assert sorted(parts) == labelled.tolist()
            points = np.array([parts[i] for i in labelled])
            np.testing.assert_array_equal(points, np.rint(face.landmarks[row][labelled]))
            assert (box.rect.left(), box.rect.top()) == tuple(points.min(axis=0))
            assert (box.rect.right(), box.rect.bottom()) == tuple(points.max(axis=0))


def test_dlib_trains_on_what_is_written(tmp_path):
    dlib = pytest.importorskip("dlib")
    video = replace(made_video("talk"), faces=(made_face(0, [0, 1, 4]),))
    path, *_ = DLIB.write([video], tmp_path, Options(frame_image=picture))
    assert iio.imread(tmp_path / "talk" / "000005.png").shape == (240, 320, 3)
    np.testing.assert_array_equal(iio.imread(tmp_path / "talk" / "000005.png"), picture(video, 4))
    options = dlib.shape_predictor_training_options()
    options.oversampling_amount, options.cascade_depth = 1, 1
    options.num_trees_per_cascade_level, options.tree_depth = 2, 2
    model = tmp_path / "model.dat"
    dlib.train_shape_predictor(str(path), str(model), options)
    assert model.stat().st_size > 1000


def test_parts_sort_as_text_in_the_order_of_the_landmarks(tmp_path):
    path, *_ = DLIB.write([made_video()], tmp_path)
    names = [part.attrib["name"] for part in next(ET.parse(path).iter("box")).iter("part")]
    assert names == sorted(names) == [f"{n:02d}" for n in range(68)]


def test_pictures_of_another_origin_are_not_overwritten(tmp_path):
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "000001.png").write_bytes(b"mine")
    with pytest.raises(FormatError, match="holds pictures"):
        DLIB.write([made_video("talk")], tmp_path, Options(frame_image=picture))


def test_frames_of_a_folder_are_referred_to_where_they_are(tmp_path):
    imgs = tmp_path / "imgs"
    imgs.mkdir()
    for number in range(12):
        iio.imwrite(imgs / f"{number:03d}.png", np.zeros((4, 4, 3), np.uint8))
    stems = [f"{number:03d}" for number in range(12)]
    video = replace(made_video(path=imgs), stems=stems)
    path, *_ = DLIB.write([video], tmp_path / "out")
    first = next(ET.parse(path).iter("image")).attrib["file"]
    assert first == (imgs / "000.png").resolve().as_posix()
    same_landmarks(DLIB.read(path, video), video, atol=0.5001)


BOX = "<box top='1' left='1' width='9' height='9'>{}</box>"
PARTS = "".join(f"<part name='{n:02d}' x='{n}' y='2'/>" for n in range(68))


def xml(*images):
    body = "".join(f"<image file='{name}'>{BOX.format(parts)}</image>" for name, parts in images)
    return f"<dataset><images>{body}</images></dataset>"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (xml(("000001.png", PARTS))[:-60], "isn't a dlib XML file, or not a whole one"),
        ("<annotations/>", "begins with <annotations>"),
        (xml(("000099.png", PARTS)), r"image '000099.png', box 1: is about frame 99"),
        (xml(("face.png", PARTS)), "no frame number"),
        (xml(("1.png", "<part name='a' x='1' y='1'/>")), "1 landmarks, the 68-point scheme"),
        (xml(("000001.png", PARTS), ("a/000001.png", PARTS)), "second time in frame 0"),
        (xml(("000001.png", "")), "no landmarks of"),
        (xml(("1.png", "<part name='a' x='1'/>")), "isn't a dlib XML file"),
    ],
)
def test_what_cannot_be_read_says_what_and_where(tmp_path, text, says):
    path = tmp_path / "x.xml"
    path.write_text(text)
    with pytest.raises(FormatError, match=says) as error:
        DLIB.read(path, made_video())
    assert "x.xml" in str(error.value)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FormatError, match=r"none.xml: can't be read"):
        DLIB.read(tmp_path / "none.xml", made_video())
