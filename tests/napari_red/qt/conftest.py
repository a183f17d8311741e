"""Real windows and real mouse events."""

from real_windows import drag, open_dock, open_viewer

__all__ = ["drag", "open_dock", "open_viewer"]
