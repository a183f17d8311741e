"""The napari plugin around :mod:`trainer`: pre-annotate a face video, correct it, export it.

:mod:`napari_red.core` needs no window and works from a script; :mod:`napari_red._qt`
holds the widgets.
"""
