"""What the plugin does, without a window: imports neither napari nor Qt."""
