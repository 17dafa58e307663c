"""Search for rewards without a language model: a typed grammar, edits that read, a tree search.

Programs are sums of weighted terms (``terms``), read back from any source (``reading``). The
``grammar`` writes fresh ones, ``mutation`` and ``crossover`` change them blindly, ``reflection``
changes them by what runs and checks said. ``provider`` and ``tree_search`` are the providers.
"""
