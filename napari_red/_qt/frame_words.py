"""What is known of the frame on the canvas, in words."""

from __future__ import annotations

from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frame_view import FrameView
from trainer.condition import told_of


def frame_words(video: VideoLayer | None, view: FrameView) -> str:
    """One or two lines for the top of the dock."""
    if video is None:
        return "No video."
    shown, total = video.shown_frame + 1, video.data.shape[0]
    if video.late:
        wanted, preview = video.screen.wanted + 1, video.screen.preview
        picture = f"frame {shown}" if preview is None else f"a preview of frame {preview + 1}"
        return f"Frame {wanted} of {total} (loading): this is {picture}, locked until then."
    parts = [f"Frame {shown} of {total}"]
    if not view.visible.any():
        parts.append("no landmarks")
    if len(view.accepted) and view.accepted.all():
        parts.append("accepted")
    if view.corrected.any():
        parts.append(f"{int(view.corrected.sum())} corrected")
    if view.hidden.any():
        parts.append(f"{int(view.hidden.sum())} not visible")
    size = (video.data.shape[2], video.data.shape[1])
    for face, (points, sure) in enumerate(zip(view.landmarks, view.confidence, strict=True), 1):
        parts += [f"face {face} {words}" for words in told_of(points, sure, size)]
    return ", ".join(parts) + "."
