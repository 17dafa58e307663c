"""Search for rewards without a language model: a typed grammar, edits that read, a tree search.

Programs are sums of weighted terms (``terms``), read back from any source (``reading``). The
``grammar`` writes fresh ones in some ``shapes`` over the ``features`` that there are; ``mutation``
and ``crossover`` change them blindly, ``advice`` and ``reflection`` by what checks and runs said.
``provider`` and ``tree_search`` are the providers.
"""
