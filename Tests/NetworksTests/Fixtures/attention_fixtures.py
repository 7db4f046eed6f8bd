"""Fixtures of attention: masked softmax, additive and scaled dot-product attention, with all gradients, in PyTorch.

    python attention_fixtures.py
"""

import math
import pathlib
import sys

import torch
from torch import nn

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import tensor, write

# name, kind, batch, queries, keys, width of keys, of queries, of values, hidden, how many keys count
ROWS = [
    ("softmax", "softmax", 2, 3, 5, 0, 0, 0, 0, None),
    ("softmax, lengths of rows", "softmax", 3, 2, 5, 0, 0, 0, 0, [0, 5, 2]),
    ("softmax, lengths of queries", "softmax", 2, 3, 4, 0, 0, 0, 0, [[0, 1, 4], [3, 4, 2]]),
    ("softmax of one key", "softmax", 2, 1, 1, 0, 0, 0, 0, [0, 1]),
    ("additive", "additive", 3, 2, 5, 3, 7, 4, 6, [0, 5, 3]),
    ("additive, all keys", "additive", 1, 1, 3, 2, 5, 1, 3, None),
    ("additive, lengths of queries", "additive", 2, 3, 4, 5, 1, 2, 1, [[0, 1, 4], [3, 4, 2]]),
    ("dot product", "dot", 3, 2, 5, 3, 3, 4, 0, [0, 5, 3]),
    ("dot product, all keys", "dot", 1, 1, 3, 7, 7, 1, 0, None),
    ("dot product, lengths of queries", "dot", 2, 3, 4, 1, 1, 2, 0, [[0, 1, 4], [3, 4, 2]]),
]


class AdditiveAttention(nn.Module):
    """The notes' class, with what is masked at -1e6."""

    def __init__(self, keys, queries, hidden):
        super().__init__()
        self.W_k, self.W_q = nn.Linear(keys, hidden, bias=False), nn.Linear(queries, hidden, bias=False)
        self.w_v = nn.Linear(hidden, 1, bias=False)

    def forward(self, queries, keys):
        return self.w_v(torch.tanh(self.W_q(queries).unsqueeze(2) + self.W_k(keys).unsqueeze(1))).squeeze(-1)


def masked_softmax(scores, lengths):
    if lengths is None:
        return torch.softmax(scores, -1)
    counts = lengths[:, None] if lengths.dim() == 1 else lengths
    outside = torch.arange(scores.shape[-1])[None, None] >= counts[:, :, None]
    return torch.softmax(scores.masked_fill(outside, -1e6), -1)


def leaf(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def attention():
    cases = []
    for name, kind, batch, queries, keys, key_width, query_width, value_width, hidden, lengths in ROWS:
        lengths = None if lengths is None else torch.tensor(lengths)
        scorer = None
        if kind == "softmax":
            inputs = [leaf(batch, queries, keys)]
            outputs = [masked_softmax(inputs[0], lengths)]
        else:
            inputs = [leaf(batch, queries, query_width), leaf(batch, keys, key_width), leaf(batch, keys, value_width)]
            if kind == "additive":
                scorer = AdditiveAttention(key_width, query_width, hidden).double()
                scores = scorer(inputs[0], inputs[1])
            else:
                scores = inputs[0] @ inputs[1].transpose(1, 2) / math.sqrt(key_width)
            weights = masked_softmax(scores, lengths)
            outputs = [weights @ inputs[2], weights]
        projections = [torch.randn_like(output) for output in outputs]
        sum((output * projection).sum() for output, projection in zip(outputs, projections)).backward()
        parameters = dict(scorer.named_parameters()) if scorer else {}
        cases.append({
            "name": name, "kind": kind, "hidden": hidden, "lengths": None if lengths is None else tensor(lengths),
            "inputs": [tensor(value) for value in inputs], "outputs": [tensor(value) for value in outputs],
            "projections": [tensor(value) for value in projections],
            "inputGradients": [tensor(value.grad) for value in inputs], "parameterNames": list(parameters),
            "parameters": [tensor(p) for p in parameters.values()],
            "gradients": [tensor(p.grad) for p in parameters.values()]})
    return cases


if __name__ == "__main__":
    torch.manual_seed(0)
    write(__file__, "attention", attention())
