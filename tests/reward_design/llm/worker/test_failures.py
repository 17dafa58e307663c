from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operant.reward_design.llm.language.errors import Source
from operant.reward_design.llm.worker.failures import failure_of
from operant.reward_design.llm.worker.wire import FAILED_BODY

SOURCE = Source("def reward(obs, action, next_obs, info):\n    return 1 / obs[0]")


def record(row=1, line=2, column=12, code=b"division", message=b"division by zero"):
    return FAILED_BODY.pack(row, line, column, len(code)) + code + message


def test_a_record_is_an_error_with_its_place():
    error = failure_of(record(), SOURCE, range(1024, 1030))
    assert (error.code, error.line, error.column, error.row) == ("division", 2, 12, 1025)
    assert error.message == "division by zero"
    assert "max(x, 0.001)" in error.hint
    assert str(error).endswith("    return 1 / obs[0]\n             ^")


def test_a_place_that_does_not_exist_is_dropped():
    error = failure_of(record(row=9, line=77), SOURCE, range(3))
    assert (error.row, error.line, error.column) == (None, 0, 0)
    # as many blanks as the column says would be two gigabytes of the host's memory
    error = failure_of(record(column=2**31 - 1), SOURCE, range(3))
    assert (error.line, error.column) == (2, 0)
    assert len(str(error)) < 300


def test_text_cannot_control_a_terminal():
    hostile = "\x1b[2J\x07\r\nred\u202eder\x00".encode() + b"\xff\xfe"
    error = failure_of(record(message=hostile), SOURCE, range(3))
    assert error.message.isprintable()
    assert "red" in error.message
    assert len(failure_of(record(message=b"x" * 4000), SOURCE, range(3)).message) == 300


def test_the_source_is_not_trusted_either():
    source = Source("def reward(*given):\n    return '\x1b[2J' / 1")
    error = failure_of(record(), source, range(3))
    assert (error.line, error.column) == (2, 12)
    assert "\x1b" not in str(error)


def test_unknown_codes_are_no_records():
    assert failure_of(record(code=b"\x1b[2J"), SOURCE, range(3)) is None
    assert failure_of(b"\0" * 5, SOURCE, range(3)) is None


@given(st.binary(max_size=200), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_no_bytes_do_harm(data, line, column):
    for body in (data, record(line=line, column=column, message=data)):
        error = failure_of(body, SOURCE, range(3))
        if error is not None:
            assert len(str(error)) < 1000
            assert "\x1b" not in str(error)
