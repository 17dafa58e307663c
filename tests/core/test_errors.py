from __future__ import annotations

import pickle

import pytest

from operant import errors


def test_all_errors_share_one_base() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(classes) >= 9
    assert all(issubclass(cls, errors.OperantError) for cls in classes)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.UnknownIdError("env", "x", []), KeyError),
        (errors.DuplicateIdError("x"), ValueError),
        (errors.MissingExtraError("nle", "nethack"), ImportError),
        (errors.ContractError("x"), AssertionError),
        (errors.GammaMismatchError("d", 0.9, 0.99), ValueError),
    ],
)
def test_errors_can_be_caught_as_the_builtin_they_are(error, builtin) -> None:
    assert isinstance(error, builtin)


def test_unknown_id_is_plain_text_with_nearest_first() -> None:
    error = errors.UnknownIdError("env", "SparseKy-v0", ["SparseKey-v0", "Chain-v0"])
    assert str(error) == "unknown env 'SparseKy-v0'; did you mean SparseKey-v0?"
    assert str(errors.UnknownIdError("env", "q", ["b", "a"])) == "unknown env 'q'; known: a, b"


def test_messages_name_both_discounts() -> None:
    text = str(errors.GammaMismatchError("potential", 0.9, 0.99))
    assert "'potential'" in text
    assert "gamma=0.9 " in text
    assert "gamma=0.99;" in text


def test_non_finite_reward_says_where() -> None:
    error = errors.NonFiniteRewardError(
        design="d", term="novelty", env_row=3, step=17, value=float("nan")
    )
    for part in ("'d'", "'novelty'", "env row 3", "step 17", "nan"):
        assert part in str(error)


def test_missing_extra_keeps_what_is_missing() -> None:
    error = errors.MissingExtraError("nle", "nethack")
    assert (error.package, error.extra) == ("nle", "nethack")
    assert "pip install 'operant[nethack]'" in str(error)


def test_contract_error_survives_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(errors.ContractError("rule 'x' is broken")))
    assert str(error) == "rule 'x' is broken"
