"""The closed reward language: a small part of Python that is checked whole before any of it runs.

A source is parsed within limits (``parsing``), checked and brought into a simpler form
(``checking``), which can be taken apart into terms (``terms``) and is rendered for whoever reads
the features (``rendering``, ``shortcuts``). It is then called on one transition or on batches
(``program``, ``execution``): by Python, by numba (``batch``) or by torch (``tensors``).
"""
