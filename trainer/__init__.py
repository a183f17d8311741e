"""RED-Net: the network, its training, and everything that needs no window.

Imports neither napari, qtpy nor :mod:`napari_red`.
Source of the method: Peng, Feris, Wang, Metaxas, "A Recurrent Encoder-Decoder
Network for Sequential Face Alignment", ECCV 2016.
"""
