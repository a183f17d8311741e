"""The parts of the command ``napari-red``."""
