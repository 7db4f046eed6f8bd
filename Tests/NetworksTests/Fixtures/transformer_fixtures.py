"""Fixtures of what Transformers are made of, in PyTorch: normalisations, smooth activations, attention with its masks, the book's
modules (`d2l`, written out), with all gradients.

    python transformer_fixtures.py
"""

import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import tensor, write


def leaf(*shape, scale=1.0):
    return (torch.randn(*shape, dtype=torch.float64) * scale).requires_grad_()


def case(name, kind, inputs, outputs, module=None, settings=None, lengths=None, mask=None, tokens=None):
    """`inputs` are leaves; the objective is the sum of the outputs' products with random projections."""
    outputs = outputs if isinstance(outputs, list) else [outputs]
    projections = [torch.randn_like(output) for output in outputs]
    sum((output * projection).sum() for output, projection in zip(outputs, projections)).backward()
    parameters = dict(module.named_parameters()) if module else {}
    return {
        "name": name, "kind": kind, "settings": settings or {}, "inputs": [tensor(value) for value in inputs],
        "lengths": None if lengths is None else tensor(lengths), "mask": None if mask is None else tensor(mask),
        "tokens": [tensor(value) for value in tokens or []],
        "outputs": [tensor(output) for output in outputs], "projections": [tensor(value) for value in projections],
        "inputGradients": [tensor(value.grad) for value in inputs], "parameterNames": list(parameters),
        "parameters": [tensor(value) for value in parameters.values()],
        "gradients": [tensor(torch.zeros_like(p) if p.grad is None else p.grad) for p in parameters.values()]}


def drawn(module):
    """With parameters of which none is 0 or 1."""
    module = module.double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


# MARK: Layers


def layers():
    cases = []
    for name, shape, last in [
        ("rows", (3, 5), 1), ("a batch of steps", (2, 3, 20), 1), ("two axes", (3, 2, 4), 2), ("a vector", (7,), 1),
        ("one number", (2, 1), 1), ("a long row", (1, 300), 1)]:
        module, x = drawn(nn.LayerNorm(shape[-last:])), leaf(*shape, scale=2)
        cases.append(case(f"layer norm, {name}", "layerNorm", [x], module(x), module, {"axes": last}))
    module, x = drawn(nn.LayerNorm(6, eps=0.1, bias=False)), leaf(4, 6)
    cases.append(case("layer norm without bias", "layerNorm", [x], module(x), module, {"axes": 1, "epsilon": 0.1}))
    x = leaf(4, 6)
    cases.append(case("layer norm without parameters", "plainLayerNorm", [x], F.layer_norm(x, (6,))))
    for shape in [(3, 5), (2, 3, 33)]:
        module, x = drawn(nn.RMSNorm(shape[-1], eps=1e-5)), leaf(*shape)
        cases.append(case(f"RMS norm {shape}", "rmsNorm", [x], module(x), module))
    for shape, groups in [((2, 6), 3), ((3, 4, 2, 3), 2), ((1, 3, 4), 1), ((2, 4, 3, 3), 4)]:
        module, x = drawn(nn.GroupNorm(groups, shape[1])), leaf(*shape)
        cases.append(case(f"group norm {shape}, {groups}", "groupNorm", [x], module(x), module, {"groups": groups}))
    values = torch.tensor([-20, -6, -3.5, -2, -1.1, -0.5, -0.01, 0, 0.02, 0.4, 0.93, 1, 1.7, 2.9, 5, 30], dtype=torch.float64)
    for kind, function in [
        ("gelu", F.gelu), ("geluTanh", lambda x: F.gelu(x, approximate="tanh")), ("silu", F.silu)]:
        x = torch.cat([values, torch.randn(23, dtype=torch.float64) * 2]).requires_grad_()
        cases.append(case(kind, kind, [x], function(x)))
    return cases


# MARK: Attention


def attend(q, k, v, causal, lengths, mask, scale):
    """Written out, with 0 for a query that may see no key. Queries are the last steps of the keys."""
    queries, keys = q.shape[2], k.shape[2]
    scores = q @ k.transpose(2, 3) * (scale or 1 / math.sqrt(q.shape[3]))
    seen = torch.ones(q.shape[0], 1, queries, keys, dtype=torch.bool)
    if causal:
        seen = seen & torch.ones(queries, keys).tril(keys - queries).bool()
    if lengths is not None:
        counts = lengths[:, None] if lengths.dim() == 1 else lengths
        seen = seen & (torch.arange(keys) < counts[:, None, :, None])
    if mask is not None and mask.dtype == torch.bool:
        seen = seen & mask
    elif mask is not None:
        scores = scores + mask
    none = ~seen.expand_as(scores).any(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(~seen, -math.inf).masked_fill(none, 0), -1)
    return weights.masked_fill(none, 0) @ v


# name, batch, heads, queries, keys, width, width of values, causal, lengths, mask, scale
ATTENTION = [
    ("all keys", 2, 2, 3, 5, 4, 3, False, None, None, None),
    ("causal", 2, 3, 6, 6, 4, 4, True, None, None, None),
    ("causal, steps behind others", 1, 2, 3, 7, 4, 5, True, None, None, None),
    ("causal, more queries than keys", 1, 1, 4, 2, 3, 2, True, None, None, None),
    ("one step", 2, 2, 1, 1, 4, 4, True, None, None, None),
    ("one token behind others", 2, 2, 1, 9, 8, 8, True, None, None, None),
    ("one number wide", 1, 2, 3, 4, 1, 1, False, None, None, 0.7),
    ("lengths of sequences", 3, 2, 2, 5, 4, 4, False, [5, 2, 0], None, None),
    ("lengths of queries, a row without keys", 2, 1, 3, 4, 3, 3, False, [[0, 1, 4], [3, 0, 2]], None, None),
    ("causal, with lengths", 2, 2, 5, 5, 4, 4, True, [5, 3], None, None),
    ("a mask of keys", 2, 2, 3, 4, 4, 4, False, None, "keys", None),
    ("a mask, a row without keys", 2, 2, 3, 4, 4, 4, False, None, "bool", None),
    ("scores that are added to", 2, 3, 4, 5, 4, 2, False, None, "float", None),
    ("more than a block", 1, 1, 30, 110, 4, 3, True, None, None, None),
]


def attention():
    cases = []
    for name, batch, heads, queries, keys, width, value_width, causal, lengths, mask, scale in ATTENTION:
        q, k, v = leaf(batch, heads, queries, width), leaf(batch, heads, keys, width), leaf(batch, heads, keys, value_width)
        lengths = None if lengths is None else torch.tensor(lengths)
        if mask == "keys":
            mask = torch.tensor([[True, True, False, True], [True, False, False, False]])[:, None, None]
        elif mask == "bool":
            mask = torch.randn(batch, 1, queries, keys) > -0.3
            mask[1, :, 1] = False
        elif mask == "float":
            mask = torch.randn(heads, queries, keys, dtype=torch.float64)
        output = attend(q, k, v, causal, lengths, mask, scale)
        settings = {"causal": int(causal)} | ({"scale": scale} if scale else {})
        cases.append(case(name, "attention", [q, k, v], output, None, settings, lengths, mask))
    return cases


# MARK: The book's modules


class MultiHeadAttention(nn.Module):
    def __init__(self, width, heads, bias=False, sizes=None):
        super().__init__()
        self.heads = heads
        queries, keys, values = sizes or (width, width, width)
        self.W_q, self.W_k = nn.Linear(queries, width, bias=bias), nn.Linear(keys, width, bias=bias)
        self.W_v, self.W_o = nn.Linear(values, width, bias=bias), nn.Linear(width, width, bias=bias)

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, queries, keys, values, lengths, causal=False):
        q, k, v = self.split(self.W_q(queries)), self.split(self.W_k(keys)), self.split(self.W_v(values))
        means = attend(q, k, v, causal, lengths, None, None)
        return self.W_o(means.transpose(1, 2).reshape(queries.shape[0], queries.shape[1], -1))


class PositionWiseFFN(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.dense2(torch.relu(self.dense1(x)))


class AddNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln = nn.LayerNorm(width)

    def forward(self, x, y):
        return self.ln(y + x)


def positions(steps, width):
    angles = torch.arange(steps, dtype=torch.float64)[:, None] / torch.pow(
        torch.tensor(10000.0, dtype=torch.float64), torch.arange(0, width, 2, dtype=torch.float64) / width)
    table = torch.zeros(steps, width, dtype=torch.float64)
    table[:, 0::2], table[:, 1::2] = torch.sin(angles), torch.cos(angles[:, :width // 2])
    return table


class EncoderBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attention, self.addnorm1 = MultiHeadAttention(width, heads), AddNorm(width)
        self.ffn, self.addnorm2 = PositionWiseFFN(width, hidden), AddNorm(width)

    def forward(self, x, lengths):
        y = self.addnorm1(x, self.attention(x, x, x, lengths))
        return self.addnorm2(y, self.ffn(y))


class DecoderBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attention1, self.addnorm1 = MultiHeadAttention(width, heads), AddNorm(width)
        self.attention2, self.addnorm2 = MultiHeadAttention(width, heads), AddNorm(width)
        self.ffn, self.addnorm3 = PositionWiseFFN(width, hidden), AddNorm(width)

    def forward(self, x, source, lengths):
        y = self.addnorm1(x, self.attention1(x, x, x, None, causal=True))
        z = self.addnorm2(y, self.attention2(y, source, source, lengths))
        return self.addnorm3(z, self.ffn(z))


class Half(nn.Module):
    """Encoder or decoder."""

    def __init__(self, words, width, heads, hidden, layers, block, has_head):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.blks = nn.Sequential()
        for index in range(layers):
            self.blks.add_module(f"block{index}", block(width, heads, hidden))
        if has_head:
            self.dense = nn.Linear(width, words)

    def embed(self, tokens):
        x = self.embedding(tokens) * math.sqrt(self.embedding.weight.shape[1])
        return x + positions(x.shape[1], x.shape[2])


class Transformer(nn.Module):
    def __init__(self, words, target_words, width, heads, hidden, layers):
        super().__init__()
        self.encoder = Half(words, width, heads, hidden, layers, EncoderBlock, False)
        self.decoder = Half(target_words, width, heads, hidden, layers, DecoderBlock, True)

    def forward(self, source, lengths, inputs):
        x = self.encoder.embed(source)
        for block in self.encoder.blks:
            x = block(x, lengths)
        y = self.decoder.embed(inputs)
        for block in self.decoder.blks:
            y = block(y, x, lengths)
        return self.decoder.dense(y).transpose(0, 1)


class PatchEmbedding(nn.Module):
    def __init__(self, channels, patch, width):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel_size=patch, stride=patch)

    def forward(self, x):
        return self.conv(x).flatten(2).transpose(1, 2)


class ViTMLP(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.dense2(F.gelu(self.dense1(x)))


class ViTBlock(nn.Module):
    def __init__(self, width, hidden, heads):
        super().__init__()
        self.ln1, self.attention = nn.LayerNorm(width), MultiHeadAttention(width, heads)
        self.ln2, self.mlp = nn.LayerNorm(width), ViTMLP(width, hidden)

    def forward(self, x):
        x = x + self.attention(*([self.ln1(x)] * 3), None)
        return x + self.mlp(self.ln2(x))


class ViT(nn.Module):
    def __init__(self, channels, side, patch, width, hidden, heads, layers, classes):
        super().__init__()
        self.patch_embedding = PatchEmbedding(channels, patch, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width))
        self.blks = nn.Sequential(*[ViTBlock(width, hidden, heads) for _ in range(layers)])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, x):
        x = self.patch_embedding(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1) + self.pos_embedding
        return self.head(self.blks(x)[:, 0])


class DenseBlock(nn.Module):
    def __init__(self, convolutions, channels, growth):
        super().__init__()
        self.net = nn.Sequential(*[
            nn.Sequential(
                nn.BatchNorm2d(channels + i * growth), nn.ReLU(),
                nn.Conv2d(channels + i * growth, growth, kernel_size=3, padding=1)) for i in range(convolutions)])

    def forward(self, x):
        for block in self.net:
            x = torch.cat((x, block(x)), dim=1)
        return x


def modules():
    cases = []
    for name, heads, bias, lengths in [
        ("multi-head attention", 2, False, [3, 2]), ("multi-head attention, biases", 4, True, None),
        ("multi-head attention, one head", 1, False, [[1, 2, 3], [3, 0, 1]])]:
        module, x = drawn(MultiHeadAttention(8, heads, bias)), leaf(2, 3, 8)
        lengths = None if lengths is None else torch.tensor(lengths)
        cases.append(case(
            name, "selfAttention", [x], module(x, x, x, lengths), module, {"heads": heads, "bias": int(bias)}, lengths))
    module = drawn(MultiHeadAttention(6, 3, sizes=(5, 4, 2)))
    q, k, v, lengths = leaf(2, 3, 5), leaf(2, 4, 4), leaf(2, 4, 2), torch.tensor([4, 1])
    cases.append(case(
        "attention to others", "crossAttention", [q, k, v], module(q, k, v, lengths), module, {"heads": 3}, lengths))
    source, inputs, lengths = torch.randint(0, 6, (2, 4)), torch.randint(0, 5, (2, 3)), torch.tensor([4, 2])
    module = drawn(Transformer(6, 5, 4, 2, 6, 2))
    cases.append(case(
        "Transformer", "transformer", [], module(source, lengths, inputs), module, {}, lengths, None, [source, inputs]))
    module, x = drawn(ViT(2, 6, 3, 8, 12, 2, 2, 3)), leaf(2, 2, 6, 6)
    cases.append(case("vision Transformer", "vit", [x], module(x), module))
    module, x = drawn(DenseBlock(2, 3, 4)), leaf(2, 3, 5, 5)
    cases.append(case("dense block", "dense", [x], module(x), module))
    x = leaf(2, 5, 6)
    cases.append(case("positions", "positions", [x], x + positions(9, 6)[4:], None))
    x = leaf(1, 2, 3, 6)
    angles = torch.arange(2, 5, dtype=torch.float64)[:, None] / 10000 ** (torch.arange(3, dtype=torch.float64) / 3)
    cosines, sines = torch.cat([angles.cos()] * 2, -1), torch.cat([angles.sin()] * 2, -1)
    turned = x * cosines + torch.cat([-x[..., 3:], x[..., :3]], -1) * sines
    cases.append(case("rotary positions", "rotary", [x], turned, None))
    return cases


if __name__ == "__main__":
    for family in [layers, attention, modules]:
        torch.manual_seed(0)
        write(__file__, {layers: "layers", attention: "heads", modules: "transformers"}[family], family())
