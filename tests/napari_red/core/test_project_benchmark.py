import json

from napari_red.core import project_benchmark
from napari_red.core.blank_video import BlankVideo
from napari_red.core.session import Session


def test_the_benchmark_measures_a_made_project_and_prints_a_table(tmp_path, capsys):
    file = tmp_path / "figures.json"
    project_benchmark.main(["--frames", "3000", "--steps", "200", "--json", str(file)])
    assert "jump to any frame" in capsys.readouterr().out
    figures = json.loads(file.read_text())
    assert figures["frames"] == 3000
    assert figures["open_s"] < 2
    assert figures["open_history_s"] < 2
    assert 50 < figures["bytes_per_face"] < 600


def test_a_frame_of_a_long_video_costs_one_small_query_a_face(tmp_path, monkeypatch):
    (tmp_path / "v.mp4").write_bytes(b"a video")
    video = BlankVideo(tmp_path / "v.mp4", 1_000_000)
    project_benchmark.fill(tmp_path / "v.red", BlankVideo(tmp_path / "v.mp4", 30_000))
    with Session(video) as session:
        database, asked = session.project.database, []
        real = database.read

        def read(query, values=()):
            rows = real(query, values)
            asked.append((query, len(rows)))
            return rows

        monkeypatch.setattr(database, "read", read)
        for frame in (0, 1, 29_000, 29_001, 999_999):
            session.view(frame)
        assert len(asked) == 2 * 3  # three chunks, two faces
        assert all(rows <= 1 for _, rows in asked)
        asked.clear()
        session.move(15_000, 0, {3: (1, 1)})
        assert sum(rows for _, rows in asked) <= 3
