"""What host and worker say to each other: framed, fixed and binary; the worker sends no objects.

A frame is a header and a body. The host sends one, the worker answers with one of the same serial
number. Both run on one machine, so numbers have its byte order.

Only the standard library: the worker imports this file as well, without the rest of the package.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct("=BII")
"""Kind, serial number, bytes in the body."""

READY, PROGRAM, ROWS, PAID, FAILED = range(5)
"""Kinds. The worker: ``READY`` once, when it is locked; ``PAID``, one float64 per row; ``FAILED``.
The host: ``PROGRAM``, answered by ``PAID`` without rows; ``ROWS``, float64 values, row by row."""

READY_BODY = struct.Struct("=BB")
"""Of ``READY``: index of the level, ABI of Landlock; text follows that says what is missing."""

PROGRAM_BODY = struct.Struct("=III?Q")
"""Of ``PROGRAM``: bytes of the feature names (one per line), numbers in an observation, numbers in
an action, whether actions are whole numbers, seed; names and source follow."""

FAILED_BODY = struct.Struct("=iiiB")
"""Of ``FAILED``: row or -1, line or 0, column or 0, bytes of the code; code and message follow."""

MOST_TEXT = 4096
"""Bytes in the longest body that is no reward."""
