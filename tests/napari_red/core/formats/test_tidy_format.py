import numpy as np
import pytest
from made_annotation import made_video

from napari_red.core.formats.registry import FORMATS
from napari_red.core.formats.tidy import COLUMNS
from trainer.scheme import IBUG68

pd = pytest.importorskip("pandas")


@pytest.fixture(params=["csv", "parquet"])
def table(request, tmp_path):
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    (path,) = FORMATS[request.param].write([made_video("a"), made_video()], tmp_path)
    return pd.read_csv(path) if request.param == "csv" else pd.read_parquet(path)


def test_pandas_reads_the_same_values(table):
    video = made_video()
    assert tuple(table.columns) == COLUMNS
    rows = table[table.video == video.name]
    for face in video.faces:
        own = rows[rows.face == face.face].sort_values(["frame", "landmark"])
        row, landmark = np.nonzero(face.labelled)
        assert own.frame.tolist() == face.frames[row].tolist()
        assert own.landmark.tolist() == landmark.tolist()
        np.testing.assert_allclose(own[["x", "y"]], face.landmarks[row, landmark], atol=1e-3)
        np.testing.assert_allclose(own.confidence, face.confidence[row, landmark], atol=1e-5)
        assert own.visible.astype(bool).tolist() == face.visible[row, landmark].tolist()
        assert (own.source == "person").tolist() == face.corrected[row, landmark].tolist()
        assert own.accepted.astype(bool).tolist() == face.accepted[row].tolist()
        np.testing.assert_allclose(own.time_s, [video.time(f) for f in own.frame], atol=1e-6)
        assert own.group.tolist() == [IBUG68.group_of()[i] for i in landmark]
    assert rows[rows.face == 0].identity.unique().tolist() == ["Zoë <Öz>"]
    assert rows[rows.face == 1].identity.isna().all()
    assert rows[rows.frame == 0].model.isna().all()


def test_every_video_is_in_it(table):
    assert table.video.unique().tolist() == ["a", made_video().name]
