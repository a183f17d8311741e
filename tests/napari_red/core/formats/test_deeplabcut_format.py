import pickle
from dataclasses import replace

import numpy as np
import pytest
from made_annotation import made_video, same_landmarks

from napari_red.core.formats.base import FormatError, Options
from napari_red.core.formats.registry import FORMATS

pd = pytest.importorskip("pandas")
pytest.importorskip("tables")
h5py = pytest.importorskip("h5py")

LABELS, TRACKS = FORMATS["deeplabcut"], FORMATS["deeplabcut-tracks"]


def shown(video):
    """The video as DeepLabCut can say it: hidden landmarks have no position."""
    faces = [
        replace(face, landmarks=np.where(face.visible[..., None], face.landmarks, np.nan))
        for face in video.faces
    ]
    return replace(video, faces=tuple(faces))


@pytest.mark.parametrize("faces", [1, 2])
@pytest.mark.parametrize("entry", [LABELS, TRACKS])
def test_what_is_written_is_read_from_csv_and_from_h5(tmp_path, entry, faces):
    video = made_video(faces=faces)
    as_csv, as_h5 = entry.write([video], tmp_path)
    for path in (as_csv, as_h5):
        got = entry.read(path, video)
        same_landmarks(got, shown(video))
        if entry is TRACKS:
            face = got[0]
            assert not face.corrected.any()
            known = video.faces[0].labelled & video.faces[0].visible
            wanted = np.where(video.faces[0].corrected, 1, video.faces[0].confidence)
            np.testing.assert_allclose(face.confidence[known], wanted[known], atol=1e-4)
        else:
            assert (got[0].corrected == got[0].labelled).all()


@pytest.mark.parametrize("faces", [1, 2])
def test_pandas_reads_the_header_and_positions_of_deeplabcut(tmp_path, faces):
    video = made_video(faces=faces)
    as_csv, as_h5 = LABELS.write([video], tmp_path)
    assert as_csv.parent == tmp_path / "labeled-data" / video.name
    levels = 3 + (faces > 1)
    table = pd.read_hdf(as_h5, "df_with_missing")
    same = pd.read_csv(as_csv, header=list(range(levels)), index_col=[0, 1, 2])
    np.testing.assert_allclose(same.to_numpy(), table.to_numpy(), atol=1e-9)
    assert list(same.columns) == list(table.columns)
    header = ["scorer", "bodyparts", "coords"]
    if faces > 1:
        header.insert(1, "individuals")
        assert list(table.columns.unique("individuals")) == ["Zoë <Öz>", "face 2"]
    assert list(table.columns.names) == header
    assert table.index[0] == ("labeled-data", video.name, "img0000.png")
    assert len(table.columns.unique("bodyparts")) == 68
    face = shown(video).faces[0]
    rows = [("labeled-data", video.name, f"img{frame:04d}.png") for frame in face.frames]
    points = table.loc[rows].to_numpy()[:, :136].reshape(-1, 68, 2)
    np.testing.assert_allclose(points, face.landmarks, atol=1e-3)


def test_tracks_have_a_row_for_every_frame_and_a_likelihood(tmp_path):
    video = made_video()
    _, as_h5 = TRACKS.write([video], tmp_path)
    table = pd.read_hdf(as_h5)
    assert table.index.tolist() == list(range(12))
    assert list(table.columns.unique("coords")) == ["x", "y", "likelihood"]
    assert table.loc[7].isna().all()


def test_sleap_io_reads_the_labels_too(tmp_path):
    sio = pytest.importorskip("sleap_io")

    def black(video, frame):
        return np.zeros((video.height, video.width, 3), np.uint8)

    video = made_video("talk")
    as_csv, _ = LABELS.write([video], tmp_path, Options(frame_image=black))
    labels = sio.load_dlc(str(as_csv))
    assert len(labels.labeled_frames) == 8
    frames = dict(shown(video).by_frame())
    for labelled, frame in zip(labels.labeled_frames, sorted(frames), strict=True):
        found = {instance.track.name: instance.numpy() for instance in labelled.instances}
        for face, row in frames[frame]:
            name = face.identity or face.name
            np.testing.assert_allclose(found[name], face.landmarks[row], atol=1e-3)
        assert len(found) == len(frames[frame])


def test_pandas_table_layout_is_read_too(tmp_path):
    video = made_video()
    _, as_h5 = TRACKS.write([video], tmp_path)
    other = tmp_path / "table.h5"
    pd.read_hdf(as_h5).to_hdf(other, key="df_with_missing", format="table", mode="w")
    same_landmarks(TRACKS.read(other, video), shown(video))


def test_reading_runs_nothing_that_stands_in_the_file(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    _, as_h5 = TRACKS.write([made_video()], tmp_path)
    other = tmp_path / "table.h5"
    pd.read_hdf(as_h5).to_hdf(other, key="df_with_missing", format="table", mode="w")
    with h5py.File(other, "a") as file:
        file["df_with_missing"].attrs["info"] = np.bytes_(pickle.dumps(Evil(), 0))
    with pytest.raises(FormatError, match="not read for safety"):
        TRACKS.read(other, made_video())
    assert not (tmp_path / "ran").exists()


def test_a_folder_of_labels_is_read(tmp_path):
    video = made_video()
    LABELS.write([video], tmp_path)
    same_landmarks(LABELS.read(tmp_path, video), shown(video))


HEAD = ["scorer", "bodyparts", "coords"]


def table(rows, n=68, frame="img0001.png"):
    header = [
        ["scorer"] + ["me"] * 2 * n,
        ["bodyparts"] + [f"p{i}" for i in range(n) for _ in "xy"],
        ["coords"] + ["x", "y"] * n,
    ]
    lines = header + [[f"labeled-data/v/{frame}"] + ["1.5"] * 2 * n for _ in range(rows)]
    return "\n".join(",".join(line) for line in lines) + "\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (table(1)[:-30], r"line 4: \d+ columns, the header has 137"),
        (table(1, 17), "17 landmarks, the 68-point scheme needs 68"),
        ("a,b\n1,2\n", "begins with the rows 'a', '1'"),
        ("", "begins with the rows"),
        (table(2), "row 2, face 1: the face .* second time in frame 1"),
        (table(1, frame="img0099.png"), r"is about frame 99"),
        (table(1, frame="img.png"), "no frame number"),
        (table(1).replace("1.5", "abc", 1), "isn't a DeepLabCut table"),
        (table(0), "no landmarks of"),
    ],
)
def test_what_cannot_be_read_says_what_and_where(tmp_path, text, says):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=says) as error:
        LABELS.read(path, made_video())
    assert "x.csv" in str(error.value)


def test_a_broken_h5_says_so(tmp_path):
    _, as_h5 = TRACKS.write([made_video()], tmp_path)
    path = tmp_path / "cut.h5"
    path.write_bytes(as_h5.read_bytes()[:5000])
    with pytest.raises(FormatError, match=r"cut.h5: (isn't|can't)"):
        TRACKS.read(path, made_video())
