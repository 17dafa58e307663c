"""Sequences and the memory above them against a cell that takes one row and step at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from operant.agents.native.recurrence import Recurrence
from operant.agents.native.sequences import Sequences

STEPS, ROWS, INPUTS, UNITS = 12, 7, 3, 5


def core(kind: str, layers: int) -> Recurrence:
    found = Recurrence(kind, inputs=INPUTS, units=UNITS, layers=layers)
    found.draw(orthogonal=False, generator=torch.Generator().manual_seed(0))
    return found


def one_step(network: Recurrence, row, memory):
    """Take a step in one episode with torch's cells; memory is (M, H)."""
    rnn, lstm = network.rnn, isinstance(network.rnn, nn.LSTM)
    after = memory.clone()
    for layer in range(rnn.num_layers):
        cell = (nn.LSTMCell if lstm else nn.GRUCell)(len(row), UNITS)
        cell.load_state_dict({name: getattr(rnn, f"{name}_l{layer}") for name in cell.state_dict()})
        if lstm:
            hidden, inner = cell(row[None], (memory[[layer]], memory[[rnn.num_layers + layer]]))
            after[rnn.num_layers + layer] = inner[0]
        else:
            hidden = cell(row[None], memory[[layer]])
        row = after[layer] = hidden[0]
    return row, after


def random_rollout(chunks: int, network: Recurrence, *, ends: float, pseudo: bool):
    """Return valid, starts, stored memories and rows of a rollout."""
    rng = np.random.default_rng(chunks)
    starts = torch.from_numpy(rng.random((STEPS, ROWS)) < ends)
    valid = torch.ones_like(starts)
    if pseudo:  # the step before a start, as in NEXT_STEP mode, and one more at the end
        valid[:-1] = ~starts[1:]
        valid[-1, 0] = False
    generator = torch.Generator().manual_seed(1)
    memories = torch.randn(chunks, network.shape[0], ROWS, UNITS, generator=generator)
    memories *= ~starts[:: STEPS // chunks].view(chunks, 1, ROWS, 1)
    return valid, starts, memories, torch.randn(STEPS, ROWS, INPUTS, generator=generator)


@pytest.mark.parametrize("pseudo", [False, True])
@pytest.mark.parametrize("ends", [0.0, 0.3])
@pytest.mark.parametrize("chunks", [1, 3, 12])
@pytest.mark.parametrize(("kind", "layers"), [("lstm", 1), ("gru", 1), ("lstm", 2), ("gru", 2)])
def test_sequences_are_what_single_steps_are(kind, layers, chunks, ends, pseudo) -> None:
    network = core(kind, layers)
    valid, starts, memories, rows = random_rollout(chunks, network, ends=ends, pseudo=pseudo)
    wanted, horizon = torch.zeros(STEPS, ROWS, UNITS), STEPS // chunks
    for n in range(ROWS):
        for t in range(STEPS):
            if t % horizon == 0:
                memory = memories[t // horizon, :, n]
            elif starts[t, n]:
                memory = torch.zeros_like(memory)
            with torch.no_grad():
                wanted[t, n], memory = one_step(network, rows[t, n], memory)
    sequences = Sequences(valid, starts, memories)
    order = torch.randperm(len(sequences.numbers), generator=torch.Generator().manual_seed(2))
    seen = []
    for chosen in sequences.numbers[order].split(5):
        positions, packed = sequences.take(chosen)
        found = network(rows.flatten(0, 1)[positions], packed)
        torch.testing.assert_close(found, wanted.flatten(0, 1)[positions], rtol=0, atol=1e-6)
        chunk, row = positions // (ROWS * horizon), positions % ROWS
        assert set((chunk * ROWS + row).tolist()) == set(chosen.tolist())  # whole sequences
        seen += positions.tolist()
    assert sorted(seen) == valid.flatten().nonzero().squeeze(1).tolist()  # each step once


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_gradients_are_those_of_single_steps(kind) -> None:
    network = core(kind, 1)
    valid, starts, memories, rows = random_rollout(3, network, ends=0.2, pseudo=False)
    positions, packed = Sequences(valid, starts, memories).take(torch.arange(3 * ROWS))
    weights = torch.randn(STEPS * ROWS, UNITS, generator=torch.Generator().manual_seed(3))
    (network(rows.flatten(0, 1)[positions], packed) * weights[positions]).sum().backward()
    found = [part.grad.clone() for part in network.parameters()]
    network.zero_grad()
    total = torch.zeros(())
    for n in range(ROWS):
        for t in range(STEPS):
            if t % 4 == 0:
                memory = memories[t // 4, :, n].unsqueeze(1)
            elif starts[t, n]:
                memory = torch.zeros_like(memory)
            row, memory = network.step(rows[t, [n]], memory)
            total = total + (row[0] * weights[t * ROWS + n]).sum()
    total.backward()
    for part, gradient in zip(network.parameters(), found, strict=True):
        torch.testing.assert_close(gradient, part.grad, rtol=1e-5, atol=1e-5)


def test_a_step_is_one_of_torchs_cells() -> None:
    for kind, layers in (("lstm", 2), ("gru", 2)):
        network = core(kind, layers)
        rows, memory = torch.randn(4, INPUTS), torch.randn(network.shape[0], 4, UNITS)
        with torch.no_grad():
            found, after = network.step(rows, memory)
            for i in range(4):
                one, its = one_step(network, rows[i], memory[:, i])
                torch.testing.assert_close(found[i], one, rtol=0, atol=1e-6)
                torch.testing.assert_close(after[:, i], its, rtol=0, atol=1e-6)


def test_padding_is_little_and_calls_are_few() -> None:
    starts = torch.zeros(64, 32, dtype=torch.bool)
    memories = torch.zeros(1, 1, 32, UNITS)
    _, packed = Sequences(~starts, starts, memories).take(torch.arange(32))
    assert packed.blocks == [(64, 32)]  # nothing ends: one call
    starts = torch.from_numpy(np.random.default_rng(0).random((64, 32)) < 0.1)
    _, packed = Sequences(torch.ones_like(starts), starts, memories).take(torch.arange(32))
    places = sum(steps * width for steps, width in packed.blocks)
    assert 64 * 32 <= places < 1.3 * 64 * 32
    assert len(packed.blocks) <= 16


def test_weights_come_from_the_generator_and_gates_are_orthogonal() -> None:
    outside = torch.get_rng_state()
    network = Recurrence("lstm", inputs=INPUTS, units=UNITS, layers=2)
    network.draw(orthogonal=True, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), outside)
    for gate in network.rnn.weight_hh_l1.detach().split(UNITS):
        torch.testing.assert_close(gate @ gate.T, torch.eye(UNITS), rtol=0, atol=1e-5)
    assert network.rnn.bias_ih_l0.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10
    assert not network.rnn.bias_hh_l0.any()
    again = Recurrence("lstm", inputs=INPUTS, units=UNITS, layers=2)
    again.draw(orthogonal=True, generator=torch.Generator().manual_seed(0))
    for one, two in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)
