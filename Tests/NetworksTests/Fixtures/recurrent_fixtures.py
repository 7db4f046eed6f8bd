"""Fixtures of recurrent layers: outputs, last states and all gradients of PyTorch's RNN, GRU and LSTM.

    python recurrent_fixtures.py
"""

import pathlib
import sys

import torch
from torch import nn

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import tensor, write

# name, class, inputs, hidden, steps, batch, layers, bidirectional, with a first state, one-hot tokens
ROWS = [
    ("rnn", nn.RNN, 3, 5, 4, 2, 1, False, False, False),
    ("rnn of one step from a state", nn.RNN, 3, 5, 1, 2, 1, False, True, False),
    ("rnn of two layers, both directions", nn.RNN, 4, 3, 5, 3, 2, True, True, False),
    ("rnn of tokens", nn.RNN, 6, 5, 4, 2, 1, False, True, True),
    ("gru", nn.GRU, 3, 5, 4, 2, 1, False, False, False),
    ("gru of one step from a state", nn.GRU, 3, 5, 1, 2, 1, False, True, False),
    ("gru of two layers, both directions", nn.GRU, 4, 3, 5, 3, 2, True, True, False),
    ("gru of three layers", nn.GRU, 2, 7, 3, 1, 3, False, True, False),
    ("gru of tokens", nn.GRU, 6, 5, 4, 2, 1, False, True, True),
    ("lstm", nn.LSTM, 3, 5, 4, 2, 1, False, False, False),
    ("lstm of one step from a state", nn.LSTM, 3, 5, 1, 2, 1, False, True, False),
    ("lstm of two layers, both directions", nn.LSTM, 4, 3, 5, 3, 2, True, True, False),
    ("lstm of tokens", nn.LSTM, 6, 5, 4, 2, 1, False, True, True),
]


def recurrent():
    cases = []
    for name, kind, inputs, hidden, steps, batch, layers, both, from_state, one_hot in ROWS:
        network = kind(inputs, hidden, layers, bidirectional=both).double()
        shape = (layers * (2 if both else 1), batch, hidden)
        tokens = torch.randint(inputs, (steps, batch))
        x = nn.functional.one_hot(tokens, inputs).double() if one_hot else torch.randn(steps, batch, inputs).double()
        x.requires_grad_(not one_hot)
        states = [torch.randn(shape).double().requires_grad_(True) for _ in range(2 if kind is nn.LSTM else 1)]
        given = (tuple(states) if kind is nn.LSTM else states[0]) if from_state else None
        outputs, last = network(x, given)
        last = last if isinstance(last, tuple) else (last,)
        # A random projection of everything that comes out, so that every path has a gradient.
        weights = [torch.randn(value.shape).double() for value in (outputs, *last)]
        sum((value * weight).sum() for value, weight in zip((outputs, *last), weights)).backward()
        parameters = dict(network.named_parameters())
        cases.append({
            "name": name, "cell": {nn.RNN: "elman", nn.GRU: "gru", nn.LSTM: "lstm"}[kind], "inputs": inputs,
            "hidden": hidden, "layers": layers, "isBidirectional": both,
            "input": tensor(tokens if one_hot else x), "states": [tensor(s) for s in states] if from_state else [],
            "outputs": [tensor(v) for v in (outputs, *last)], "projections": [tensor(w) for w in weights],
            "inputGradient": None if one_hot else tensor(x.grad),
            "stateGradients": [tensor(s.grad) for s in states] if from_state else [],
            "parameterNames": list(parameters), "parameters": [tensor(p) for p in parameters.values()],
            "gradients": [tensor(p.grad) for p in parameters.values()]})
    return cases


if __name__ == "__main__":
    torch.manual_seed(0)
    write(__file__, "recurrent", recurrent())
