"""Annotation files of other programs, out and in: a small module for each format.

:data:`napari_red.core.formats.registry.FORMATS` lists them; all write from and read into
:mod:`napari_red.core.annotation`.
"""
