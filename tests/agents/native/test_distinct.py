"""Distinct inputs against a dictionary; the fused loss against autograd on every transition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from operant.agents.native.answers import DistinctPolicy
from operant.agents.native.deduplication import Deduplication
from operant.agents.native.distinct_loss import Samples, ppo_loss
from operant.agents.native.kernels import offsets
from operant.agents.native.packing import DistinctTable, Packing

# ---- numbering


def parts_of(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    return {
        "image": rng.integers(0, 2, (size, 3, 3, 2), np.uint8),
        "direction": rng.integers(0, 4, size),
        "mission": rng.integers(0, 9, (size, 5)).astype(np.int32),
        "speed": rng.normal(size=(size, 3)).astype(np.float32),
        "mask": rng.random((size, 4)) < 0.5,
    }


def test_packing_keeps_everything() -> None:
    parts = parts_of(np.random.default_rng(0), 20)
    packing = Packing(parts)
    assert packing.words == -(-(18 + 8 + 20 + 12 + 4) // 8)
    packed = packing.pack(parts)
    assert packed.shape == (20, packing.words)
    for row in range(20):  # a row does not depend on its batch, nor does its padding
        alone = packing.pack({key: part[[row]] for key, part in parts.items()})
        np.testing.assert_array_equal(alone[0], packed[row])
    back = packing.unpack(packed[5:12])
    for key, part in parts.items():
        np.testing.assert_array_equal(back[key], part[5:12], strict=True)


def test_packing_tells_any_two_inputs_apart() -> None:
    parts = {key: part[:1] for key, part in parts_of(np.random.default_rng(1), 1).items()}
    packing = Packing(parts)
    first = packing.pack(parts)
    for key, part in parts.items():
        for place in range(part.size):
            other = part.copy()
            other.flat[place] = ~other.flat[place] if part.dtype == bool else other.flat[place] + 1
            assert (packing.pack(parts | {key: other}) != first).any()


def test_packing_takes_a_space_without_keys_and_views() -> None:
    numbers = np.arange(12, dtype=np.int64)
    packing = Packing({"": numbers})
    np.testing.assert_array_equal(packing.pack({"": numbers})[:, 0], numbers.view(np.uint64))
    image = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    packing = Packing({"": image})
    turned = image.transpose(0, 2, 1)[:, :3, :].repeat(2, 2)[:, :, :4]
    np.testing.assert_array_equal(packing.unpack(packing.pack({"": turned}))[""], turned)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"b": np.zeros(3, np.int64)}, r"inputs must have the keys \['a'\], got \['b'\]"),
        ({"a": np.zeros(3, np.int32)}, r"input\['a'\] must be \(3, \*\(\)\) int64"),
        ({"a": np.zeros((3, 2), np.int64)}, r"input\['a'\] must be .* got \(3, 2\)"),
    ],
)
def test_packing_refuses_what_it_was_not_made_for(wrong, message) -> None:
    packing = Packing({"a": np.zeros(4, np.int64)})
    with pytest.raises(ValueError, match=message):
        packing.pack(wrong)


def test_packing_refuses_objects() -> None:
    with pytest.raises(ValueError, match=r"input\['a'\] must hold numbers, got dtype"):
        Packing({"a": np.array(["x"])})


@pytest.mark.parametrize("words", [1, 3])
def test_ids_are_those_of_a_dictionary(words: int) -> None:
    rng = np.random.default_rng(2)
    table = DistinctTable(words)
    for _ in range(2):  # the second time after clear()
        known: dict[bytes, int] = {}
        for size in (0, 1, 50, 700, 9000):  # grows past its first size several times
            packed = rng.integers(0, 6000, (size, words)).astype(np.uint64)
            packed[:, 1:] %= 2
            expected = [known.setdefault(row.tobytes(), len(known)) for row in packed]
            np.testing.assert_array_equal(table.ids(packed), np.array(expected, np.int64))
            assert len(table) == len(known)
        assert len(table) > 4096
        assert [row.tobytes() for row in table.rows] == list(known)
        table.clear()
        assert len(table) == 0


def test_equal_hashes_do_not_make_rows_equal() -> None:
    # The hash of one word is a bijection; with two, the second can cancel what the first did.
    mask, factor = (1 << 64) - 1, 0xD6E8FEB86659FD93

    def mixed(state: int, word: int) -> int:
        state = (state ^ word) * factor & mask
        return state ^ state >> 32

    start = 0x9E3779B97F4A7C15
    target = mixed(start, 1)
    rows = [[first, mixed(start, first) ^ target] for first in range(1, 40)]
    hashes = {mixed(mixed(start, a), b) for a, b in rows}
    assert len(hashes) == 1  # the premise
    packed = np.array(rows, np.uint64)
    table = DistinctTable(2)
    np.testing.assert_array_equal(table.ids(np.concatenate([packed, packed])), [*range(39)] * 2)


def test_ids_refuse_rows_of_another_width() -> None:
    with pytest.raises(ValueError, match=r"packed must have the shape \(B, 2\), got \(5, 3\)"):
        DistinctTable(2).ids(np.zeros((5, 3), np.uint64))


def test_list_of_ids_is_in_order_of_appearance() -> None:
    table = DistinctTable(1)
    table.ids(np.arange(3000, dtype=np.uint64)[:, None])
    for ids in ([7, 2999, 7, 0, 2999, 5], [0, 0], []):  # leaves no marks behind
        unique, positions = table.listed(np.array(ids, np.int64))
        assert unique.tolist() == list(dict.fromkeys(ids))
        assert unique[positions].tolist() == ids


def test_ids_of_before_clearing_are_refused() -> None:
    table = DistinctTable(1)
    ids = table.ids(np.arange(5, dtype=np.uint64)[:, None])
    table.clear()
    table.ids(np.zeros((1, 1), np.uint64))
    for stale in (ids, np.array([-1])):
        with pytest.raises(ValueError, match=r"ids must lie in \[0, 1\), got"):
            table.listed(stale)


# ---- the rollout

SIZES = [3, 1, 4]


class Counting:
    """A linear network over a number and a mask, that counts the rows it is asked for."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.to_logits = torch.randn(5, sum(SIZES), generator=generator)
        self.to_values = torch.randn(5, 2, generator=generator)
        self.rows = 0

    def __call__(self, parts: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        self.rows += len(parts["x"])
        logits = (parts["x"] @ self.to_logits).masked_fill(~parts["mask"], -1e8)
        return logits, parts["x"] @ self.to_values


def inputs_of(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    x = rng.integers(0, 3, (size, 5)).astype(np.float32)
    mask = np.ones((size, 8), np.bool_)
    mask[:, 2] = x[:, 0] > 0
    mask[:, 7] = x[:, 1] > 0
    return {"x": x, "mask": mask}


def test_network_sees_each_input_once_and_answers_are_kept() -> None:
    rng, network = np.random.default_rng(3), Counting()
    policy = DistinctPolicy(network, SIZES, 2)
    seen: set[bytes] = set()
    for _ in range(5):
        parts = inputs_of(rng, 400)
        ids = policy.ids(parts)
        seen |= {row.tobytes() for row in parts["x"]}
        assert network.rows == len(policy.table) == len(seen)
        _, values = Counting()({key: torch.from_numpy(part) for key, part in parts.items()})
        torch.testing.assert_close(policy.values(ids), values)
        inputs = policy.inputs(ids)
        assert all((inputs[key].numpy() == part).all() for key, part in parts.items())
    network.to_values *= 2
    policy.clear()
    assert network.rows == len(seen)
    _, values = network({key: torch.from_numpy(part) for key, part in parts.items()})
    torch.testing.assert_close(policy.values(policy.ids(parts)), values)


def test_many_inputs_make_the_kept_answers_grow() -> None:
    rng, network = np.random.default_rng(4), Counting()
    policy = DistinctPolicy(network, SIZES, 2)
    x = rng.normal(size=(5000, 5)).astype(np.float32)
    parts = {"x": x, "mask": np.ones((5000, 8), np.bool_)}
    ids = policy.ids(parts)
    torch.testing.assert_close(policy.values(ids), torch.from_numpy(x) @ network.to_values)


def test_actions_are_drawn_with_the_networks_probabilities() -> None:
    rng, network = np.random.default_rng(5), Counting()
    policy = DistinctPolicy(network, SIZES, 2)
    parts = {key: part.repeat(60_000, 0) for key, part in inputs_of(rng, 3).items()}
    parts["x"] *= 0.3
    ids = policy.ids(parts)
    assert len(policy.table) == 3
    actions, log_probs, _ = policy.sample(ids, rng.random((len(ids), 3)))
    logits, _ = network(policy.inputs(ids))
    heads = [torch.log_softmax(part, 1) for part in logits.split(SIZES, 1)]
    picked = [head.gather(1, actions[:, [h]]) for h, head in enumerate(heads)]
    torch.testing.assert_close(log_probs, torch.cat(picked, 1).sum(1), rtol=1e-5, atol=1e-5)
    joint = actions[:, 0] * 4 + actions[:, 2]
    for row in range(3):
        chosen = joint[torch.from_numpy(ids) == row]
        counts = torch.bincount(chosen, minlength=12).double() / len(chosen)
        place = int(np.flatnonzero(ids == row)[0])
        expected = (heads[0][place].exp()[:, None] * heads[2][place].exp()).flatten().double()
        error = (expected * (1 - expected) / len(chosen)).sqrt()
        assert ((counts - expected).abs() <= 4.5 * error + 1e-12).all()  # exactly 0 where masked


def test_a_forbidden_action_is_never_drawn() -> None:
    # Where the probabilities sum to less than the uniform number, the last allowed one is drawn.
    policy = DistinctPolicy(Counting(), SIZES, 2)
    x = np.random.default_rng(6).normal(size=(500, 5)).astype(np.float32)
    mask = np.array([[True, True, False, True, False, True, True, False]]).repeat(500, 0)
    ids = policy.ids({"x": x, "mask": mask})
    lowest, _, _ = policy.sample(ids, np.zeros((500, 3)))
    highest, log_probs, _ = policy.sample(ids, np.full((500, 3), np.nextafter(1.0, 0.0)))
    assert (lowest == torch.tensor([0, 0, 1])).all()
    assert (highest == torch.tensor([1, 0, 2])).all()
    assert log_probs.isfinite().all()


def test_sampling_refuses_what_does_not_fit() -> None:
    policy = DistinctPolicy(Counting(), SIZES, 2)
    ids = policy.ids(inputs_of(np.random.default_rng(8), 4))
    with pytest.raises(ValueError, match=r"uniforms must have the shape \(4, 3\), got \(4, 1\)"):
        policy.sample(ids, np.zeros((4, 1)))
    with pytest.raises(ValueError, match="ids must lie in"):
        policy.sample(ids + 4, np.zeros((4, 3)))


def test_an_action_owns_the_uniforms_from_its_lower_edge_on() -> None:
    policy = DistinctPolicy(lambda parts: (0 * parts["x"], parts["x"]), [2], 2)
    ids = policy.ids({"x": np.zeros((3, 2), np.float32)})
    actions, _, _ = policy.sample(ids, np.array([[0.0], [np.nextafter(0.5, 0)], [0.5]]))
    assert actions.flatten().tolist() == [0, 0, 1]


# ---- the update


def problem(sizes: list[int], streams: int, dtype: torch.dtype, seed: int = 0):
    """Return distinct rows and transitions, a good part of which is clipped on either side."""
    rng = np.random.default_rng(seed)
    rows, batch = 40, 500
    logits = torch.from_numpy(rng.normal(0, 1.5, (rows, sum(sizes)))).to(dtype)
    logits[5:9, 0] = -1e8  # forbidden
    values = torch.from_numpy(rng.normal(size=(rows, streams))).to(dtype)
    positions = np.concatenate([np.arange(rows), rng.zipf(1.3, batch - rows) % rows])
    actions = np.stack([rng.integers(1 if n > 1 else 0, n, batch) for n in sizes], 1)
    chosen = torch.from_numpy(actions)
    groups = logits[torch.from_numpy(positions)].split(sizes, 1)
    now = sum(
        torch.log_softmax(group, 1).gather(1, chosen[:, [h]]).squeeze(1)
        for h, group in enumerate(groups)
    )
    noise = torch.from_numpy(rng.normal(0, 0.3, batch)).to(dtype)
    noise[::5] = 0  # ratio 1, where both branches of the minimum agree
    advantages = torch.from_numpy(rng.normal(size=batch)).to(dtype)
    advantages[::7] = 0
    old_values = values[torch.from_numpy(positions)]
    old_values = old_values + torch.from_numpy(rng.normal(0, 0.3, (batch, streams))).to(dtype)
    returns = torch.from_numpy(rng.normal(size=(batch, streams))).to(dtype)
    samples = Samples(positions, chosen, now - noise, advantages, returns, old_values)
    return logits.requires_grad_(), values.requires_grad_(), samples


def dense_loss(logits, values, samples, sizes, clip_range, clip_range_vf, vf_coef, ent_coef):
    """Return the loss and its statistics, written transition by transition."""
    at = torch.from_numpy(samples.positions)
    logs = [torch.log_softmax(group, 1) for group in logits[at].split(sizes, 1)]
    log_probs = sum(log.gather(1, samples.actions[:, [h]]).squeeze(1) for h, log in enumerate(logs))
    entropy = sum(-(log.exp() * log).sum(1) for log in logs)
    log_ratio = log_probs - samples.log_probs
    ratio = log_ratio.exp()
    clipped = torch.clamp(ratio, 1 - clip_range, 1 + clip_range)
    policy = -torch.min(samples.advantages * ratio, samples.advantages * clipped).mean()
    new = values[at]
    if clip_range_vf is not None:
        change = torch.clamp(new - samples.values, -clip_range_vf, clip_range_vf)
        new = samples.values + change
    value = sum(
        nn.functional.mse_loss(new[:, c], samples.returns[:, c]) for c in range(new.shape[1])
    )
    total = policy + vf_coef * value + ent_coef * -entropy.mean()
    outside = ((ratio - 1).abs() > clip_range).to(total.dtype).mean()
    kl = (ratio - 1 - log_ratio).mean()
    return total, torch.stack([total, policy, value, -entropy.mean(), kl, outside]).detach()


@pytest.mark.parametrize("clip_range_vf", [None, 0.2])
@pytest.mark.parametrize(("sizes", "streams"), [([7], 1), ([3, 1, 4], 3)])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_loss_and_gradients_are_those_of_autograd(
    sizes, streams, clip_range_vf, dtype, close
) -> None:
    logits, values, samples = problem(sizes, streams, dtype)
    coefs = {"clip_range": 0.2, "clip_range_vf": clip_range_vf, "vf_coef": 0.5, "ent_coef": 0.03}
    total, statistics = dense_loss(logits, values, samples, sizes, **coefs)
    expected = torch.autograd.grad(3 * total, (logits, values))
    loss, mine = ppo_loss(logits, values, samples, offsets(sizes), **coefs)
    found = torch.autograd.grad(3 * loss, (logits, values))
    assert 0.1 < float(statistics[5]) < 0.9  # the premise: some are clipped, some are not
    torch.testing.assert_close(loss, total, rtol=10 * close, atol=close)
    torch.testing.assert_close(mine, statistics, rtol=10 * close, atol=close)
    for a, b in zip(found, expected, strict=True):
        assert float(b.abs().max()) > 0.01
        torch.testing.assert_close(a, b, rtol=0, atol=close)


def scattered(samples: Samples, places: np.ndarray, total: int) -> Samples:
    """Return the same samples as rows of a rollout of ``total`` transitions."""
    arrays = {}
    for name in ("actions", "log_probs", "returns", "values"):
        part = getattr(samples, name)
        arrays[name] = torch.full((total, *part.shape[1:]), 99, dtype=part.dtype)
        arrays[name][torch.from_numpy(places)] = part
    return samples._replace(**arrays, rows=places)


def test_samples_may_be_rows_of_a_rollout() -> None:
    logits, values, samples = problem([3, 1, 4], 2, torch.float32)
    places = np.random.default_rng(3).permutation(900)[: len(samples.positions)]
    coefs = {"clip_range": 0.2, "clip_range_vf": 0.2, "vf_coef": 0.5, "ent_coef": 0.03}
    found = []
    for given in (samples, scattered(samples, places, 900)):
        loss, statistics = ppo_loss(logits, values, given, offsets([3, 1, 4]), **coefs)
        found.append([statistics, *torch.autograd.grad(loss, (logits, values))])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("wrong", [-1, 900])
def test_loss_refuses_rows_outside_of_the_rollout(wrong: int) -> None:
    logits, values, samples = problem([3], 1, torch.float32)
    samples = scattered(samples, np.arange(500), 900)
    samples.rows[7] = wrong  # type: ignore[index]
    coefs = {"clip_range": 0.2, "clip_range_vf": None, "vf_coef": 0.5, "ent_coef": 0.0}
    with pytest.raises(ValueError, match=r"rows must lie in \[0, 900\), got"):
        ppo_loss(logits, values, samples, offsets([3]), **coefs)
    short = samples._replace(rows=samples.rows[:-1])  # type: ignore[index]
    with pytest.raises(ValueError, match=r"rows must have the shape \(500,\), got \(499,\)"):
        ppo_loss(logits, values, short, offsets([3]), **coefs)


@pytest.mark.parametrize("advantage", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("side", [-1, 0, 1])
def test_ratios_on_the_edge_of_the_clip_range_are_not_clipped(advantage, side) -> None:
    # exp(0) is exactly 1, and a clip range of 0 puts both edges there.
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    values = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    old = torch.log_softmax(logits.detach(), 1)[0, :1] - 0.1 * side
    numbers = torch.tensor([advantage]), torch.tensor([[1.0]]), torch.tensor([[-0.5]])
    samples = Samples(np.zeros(1, np.int64), torch.zeros(1, 1, dtype=torch.int64), old, *numbers)
    # A change of exactly 0.5 is on the edge too.
    coefs = {"clip_range": 0.0, "clip_range_vf": 0.5, "vf_coef": 1.0, "ent_coef": 0.0}
    total, _ = dense_loss(logits, values, samples, [2], **coefs)
    loss, _ = ppo_loss(logits, values, samples, offsets([2]), **coefs)
    expected = torch.autograd.grad(total, (logits, values))
    for a, b in zip(torch.autograd.grad(loss, (logits, values)), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-15)


def test_gradient_of_a_network_is_that_of_the_dense_path() -> None:
    rng = np.random.default_rng(7)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
    heads = nn.Linear(32, 5), nn.Linear(32, 1)
    parameters = [p for module in (network, *heads) for p in module.parameters()]
    batch = 2000
    obs = rng.integers(0, 2, (batch, 6)).astype(np.float32)

    def evaluate(parts):
        hidden = network(parts[""])
        return heads[0](hidden), heads[1](hidden)

    policy = DistinctPolicy(evaluate, [5], 1)
    ids = policy.ids({"": obs})
    actions, log_probs, old_values = policy.sample(ids, rng.random((batch, 1)))
    advantages = torch.from_numpy(rng.normal(size=batch).astype(np.float32))
    returns = torch.from_numpy(rng.normal(size=(batch, 1)).astype(np.float32))
    with torch.no_grad():
        for parameter in parameters:  # so that ratios differ from 1
            parameter += 0.15 * torch.randn_like(parameter)
    coefs = {"clip_range": 0.1, "clip_range_vf": None, "vf_coef": 0.5, "ent_coef": 0.01}
    every = Samples(np.arange(batch), actions, log_probs, advantages, returns, old_values)
    total, statistics = dense_loss(*evaluate({"": torch.from_numpy(obs)}), every, [5], **coefs)
    expected = torch.autograd.grad(total, parameters)
    unique, positions = policy.table.listed(ids)
    assert len(unique) == 64
    samples = every._replace(positions=positions)
    loss, mine = ppo_loss(*evaluate(policy.inputs(unique)), samples, offsets([5]), **coefs)
    assert 0.1 < float(statistics[5]) < 0.9
    torch.testing.assert_close(mine, statistics, rtol=1e-5, atol=1e-6)
    for a, b in zip(torch.autograd.grad(loss, parameters), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("position", "action"), [(2, 0), (-1, 0), (0, 3), (0, -1)])
def test_loss_refuses_what_is_out_of_range(position, action) -> None:
    numbers = torch.zeros(2), torch.zeros(2), torch.zeros(2, 1), torch.zeros(2, 1)
    samples = Samples(np.array([0, position]), torch.tensor([0, action]), *numbers)
    with pytest.raises(ValueError, match=rf"got \[?{action}\]? and {position} in row 1"):
        ppo_loss(
            torch.zeros(2, 3),
            torch.zeros(2, 1),
            samples,
            offsets([3]),
            clip_range=0.2,
            clip_range_vf=None,
            vf_coef=0.5,
            ent_coef=0.0,
        )


@pytest.mark.parametrize("name", ["actions", "log_probs", "advantages", "returns", "values"])
def test_loss_refuses_samples_that_do_not_fit(name) -> None:
    logits, values, samples = problem([3, 1, 4], 2, torch.float32)
    samples = samples._replace(**{name: getattr(samples, name)[:-1]})
    coefs = {"clip_range": 0.2, "clip_range_vf": None, "vf_coef": 0.5, "ent_coef": 0.0}
    with pytest.raises(ValueError, match=rf"{name}.* must have the shape \(500.*, got \(499"):
        ppo_loss(logits, values, samples, offsets([3, 1, 4]), **coefs)


def test_what_is_not_a_number_reaches_loss_and_gradients() -> None:
    for place in range(2):
        inputs = [torch.zeros(2, 3), torch.zeros(2, 1)]
        inputs[place][1, 0] = torch.nan
        logits, values = (tensor.requires_grad_() for tensor in inputs)
        numbers = torch.zeros(2), torch.ones(2), torch.zeros(2, 1), torch.zeros(2, 1)
        samples = Samples(np.arange(2), torch.zeros(2, dtype=torch.int64), *numbers)
        coefs = {"clip_range": 0.2, "clip_range_vf": 0.2, "vf_coef": 0.5, "ent_coef": 0.01}
        loss, _ = ppo_loss(logits, values, samples, offsets([3]), **coefs)
        gradient = torch.autograd.grad(loss, (logits, values))[place]
        assert loss.isnan()
        assert gradient[1].isnan().any()
        assert gradient[0].isfinite().all()


# ---- whether it pays


def test_auto_switches_with_hysteresis() -> None:
    choice = Deduplication("auto", nn.Linear(2, 2), obstacle="")
    assert choice.on
    assert choice.watches
    for share, on in ((60, True), (61, False), (55, False), (50, False), (49, True), (55, True)):
        choice.observe(share, 100)
        assert choice.on is on
    choice.observe(99, 100)
    other = Deduplication("auto", nn.Linear(2, 2), obstacle="")
    other.load_state(choice.state())
    assert not other.on


@pytest.mark.parametrize("mode", [True, False])
def test_a_fixed_choice_stays(mode: bool) -> None:
    choice = Deduplication(mode, nn.Linear(2, 2), obstacle="")
    assert not choice.watches
    for share in (99, 1):
        choice.observe(share, 100)
        assert choice.on is mode
    choice.load_state({"on": not mode})
    assert choice.on is mode


@pytest.mark.parametrize(
    ("network", "categorical", "reason"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)), True, r"Dropout \(1\)"),
        (nn.ModuleDict({"core": nn.LSTM(2, 2)}), True, r"LSTM \(core\)"),
        (nn.GRUCell(2, 2), True, r"GRUCell \(the network\)"),
        (nn.Sequential(nn.BatchNorm1d(2)), True, "BatchNorm1d"),
        (nn.Linear(2, 2), False, "not categorical"),
    ],
)
def test_networks_that_are_no_function_of_a_row_are_refused(network, categorical, reason) -> None:
    obstacle = "" if categorical else "the actions are not categorical"
    choice = Deduplication("auto", network, obstacle=obstacle)
    assert not choice.on
    assert not choice.watches
    choice.observe(1, 100)
    assert not choice.on
    with pytest.raises(ValueError, match=rf"'auto' or False here: .*{reason}"):
        Deduplication(True, network, obstacle=obstacle)


def test_dropout_of_nothing_is_allowed_and_other_modes_are_not() -> None:
    assert Deduplication("auto", nn.Dropout(0.0), obstacle="").on
    with pytest.raises(ValueError, match="deduplicate must be 'auto', True or False, got 'yes'"):
        Deduplication("yes", nn.Linear(2, 2), obstacle="")  # type: ignore[arg-type]
