"""Layers and widgets: the view on what :mod:`napari_red.core` knows."""
