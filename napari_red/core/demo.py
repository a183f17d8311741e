"""The whole way once, on the sample: video in, landmarks, project file, ``.pts`` out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio

from napari_red.core.aligner import Aligner
from napari_red.core.export import ExportSummary, export_session
from napari_red.core.formats.base import make_folder
from napari_red.core.jobs import ProgressCallback
from napari_red.core.overlay import draw_landmarks
from napari_red.core.prealign import PrealignSummary, Settings, prealign
from napari_red.core.session import Session
from trainer.data.video import Video


@dataclass(frozen=True)
class DemoResult:
    """Where everything is, and how it went."""

    project: Path
    picture: Path
    aligned: PrealignSummary
    exported: ExportSummary


def run_demo(
    video: Video,
    aligner: Aligner,
    out_dir: Path,
    settings: Settings,
    on_progress: ProgressCallback = lambda _: None,
) -> DemoResult:
    """Align a video into a project in ``out_dir``, export it, draw its middle frame.

    Raises
    ------
    RedError
        If a part can't be done; the message says which.
    """
    make_folder(out_dir)
    with Session(video, out_dir / f"{video.name}.red") as session:
        aligned = prealign(session, aligner, settings, on_progress)
        exported = export_session(session, out_dir)
        picture = out_dir / f"{video.name}.png"
        draw_picture(session, video, picture)
        return DemoResult(session.project_path, picture, aligned, exported)


def draw_picture(session: Session, video: Video, path: Path) -> None:
    """Write the picture of the middle one of the frames that have landmarks."""
    with_face = [i for i in range(session.n_frames) if session.view(i).visible.any()]
    frame = with_face[len(with_face) // 2] if with_face else session.n_frames // 2
    view = session.view(frame)
    scale = 2 if video.width < 720 else 1
    landmarks = view.landmarks.copy()
    landmarks[~view.visible] = float("nan")
    iio.imwrite(
        path,
        draw_landmarks(video.frame(frame), landmarks, view.confidence, view.corrected, scale=scale),
    )
