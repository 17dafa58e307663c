"""What LSD bandits tell about themselves: features and card."""

from __future__ import annotations

from operant.lsd import LSDInstance, LSDRules
from operant.types import Card, Feature

_OBSERVED = {
    "state": "Box(-1, 1, (K,), float32): tau / D of each arm that rests, tau / S of one that runs",
    "mean": "Box(-1, 1, float32): the counters of the arms (tau / D or tau / S), then all means, "
    "arm by arm for tau = -S .. -1, 1 .. D",
    "blind": "Box(float32): last action one-hot, last reward, share of the episode that is over",
}
_INITS = {"rested": "are fully rested", "one": "have rested for one round", "random": "are drawn"}
_NOISES = {
    "none": "the mean",
    "bernoulli": "1 or 0 with the mean",
    "gaussian": "Gaussian of deviation {sigma:g} around the mean",
}


def lsd_table(rules: LSDRules, horizon: int, observe: str) -> tuple[Feature, ...]:
    """Return the features.

    Args:
        rules: How the arms move.
        horizon: Rounds of an episode.
        observe: What the agent sees.
    """
    blind = observe == "blind"

    def count(name: str, text: str, low: int, high: int, unit: str, hidden: bool) -> Feature:
        return Feature(
            name=name,
            description=text,
            low=low,
            high=high,
            unit=unit,
            dtype="int",
            privileged=hidden,
        )

    low = -max(rules.S, 1)  # a range must not be a point, which it would be for S = 0 and D = 1
    return (
        count("round", "rounds played", 0, horizon, "rounds", not blind),
        count("last_action", "last action; -1 at first", -1, rules.K, "", not blind),
        count("streak", "plays in a row of the arm played last", 0, horizon, "plays", True),
        count(
            "played_tau",
            "counter of the arm just played, when it was; 0 if none was",
            low,
            rules.D,
            "rounds",
            True,
        ),
        Feature(
            name="switched",
            description="the last action was another than the one before",
            low=0,
            high=1,
            dtype="bool",
            privileged=True,
        ),
        count("rested", "arms whose counter is D", 0, rules.K, "arms", blind),
        Feature(
            name="best_mean",
            description="largest mean payoff that an arm has now, 0 if none is above it",
            low=0.0,
            high=1.0,
            privileged=observe != "mean",
        ),
        Feature(
            name="tau",
            description="per arm: rounds of rest, or minus the plays in a row",
            low=low,
            high=rules.D,
            unit="rounds",
            dtype="int",
            shape=(rules.K,),
            privileged=blind,
        ),
    )


def lsd_card(
    env_id: str,
    instance: LSDInstance,
    *,
    table: tuple[Feature, ...],
    source: str,
    noise: str,
    sigma: float,
    observe: str,
    init: str,
    horizon: int,
    max_steps: int,
    success: float,
    exact: bool,
) -> Card:
    """Return the card; for the arguments see :class:`operant.envs.bandits.lsd.LSDWorld`.

    Args:
        env_id: Gymnasium id.
        instance: The bandit.
        table: The features.
        source: Family of payoffs, or ``"given"``.
        noise: Kind of noise.
        sigma: Its deviation, if Gaussian.
        observe: What the agent sees.
        init: How the arms start.
        horizon: Rounds of an episode.
        max_steps: Rounds after which it is cut.
        success: Share of the best total that counts as success.
        exact: Whether the best total is known exactly.
    """
    rules = instance.rules
    if rules.S:
        back = "at once to 1" if rules.recovery == "reset" else "one play per round"
        runs = (
            f"minus the number of its plays in a row (down to -{rules.S}), from which a rest leads "
            f"{back}"
        )
    else:
        runs = "1 after a play, wherever it was"
    names = [f"arm {n}" for n in range(rules.K)] + ["none"] * rules.allow_none
    best = "the best schedule" if exact else "an upper bound on any schedule"
    return Card(
        id=env_id,
        description=(
            f"A bandit of {rules.K} arms with memory. An arm's counter tau is the number of rounds "
            f"since it was played (up to {rules.D}), or {runs}. Payoffs: {source}, the same in all "
            f"episodes. At first the arms {_INITS[init]}. info: mean (mean payoff of the action), "
            "tau (counter of the arm when played), regret_inc (best mean per round - mean), "
            "regret (its sum over the episode)."
        ),
        observation=_OBSERVED[observe],
        action=f"Discrete({rules.actions}): {', '.join(names)}",
        reward=f"{_NOISES[noise].format(sigma=sigma)} of the arm at its tau; 0 without a play",
        termination="never",
        truncation=f"after {max_steps} rounds",
        success=(
            f"in round {horizon}: the means of all actions add up to {success:.0%} or more of the "
            f"sum of {best} in {horizon} rounds from {'ones' if init == 'one' else 'rested arms'}"
        ),
        metric="regret",
        oracle="exact" if exact else "upper_bound",
        features=table,
        tier=0,
        source=(
            "A Last Switch Dependent Analysis of Satiation and Seasonality in Bandits (Laforgue, "
            "Clerici, Cesa-Bianchi, Gilad-Bachrach, 2022)."
        ),
    )
