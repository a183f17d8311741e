"""npe2 sample data: a talking face."""

from __future__ import annotations

from typing import Any

from napari_red.core.sample import sample_path


def talking_face() -> list[tuple[Any, dict[str, Any], str]]:
    """The sample video as a layer.

    Raises
    ------
    SampleError
        If it isn't installed.
    """
    import napari

    from napari_red.core.frames import VideoStack

    stack = VideoStack.open(sample_path())
    viewer = napari.current_viewer()
    if viewer is not None:
        from napari_red._qt.attach import attach

        attach(viewer)
    return [(stack, {"name": "talking_face", "rgb": True, "contrast_limits": (0, 255)}, "image")]
