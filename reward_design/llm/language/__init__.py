"""The closed reward language: a small part of Python that is checked whole before any of it runs.

A source is parsed within limits (``parsing``), checked and brought into a simpler form
(``checking``), rendered for whoever reads the features (``rendering``), and then called on one
transition or, compiled by numba, on batches (``program``, ``batch``).
"""
