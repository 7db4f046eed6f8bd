"""Fixtures of a small GPT: logits, loss and all gradients in PyTorch, of plain modules with nanoGPT's names.

    python gpt_fixtures.py
"""

import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from torch import nn

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "Support"))
from fixture_format import tensor, write

# name, vocabulary, context, layers, heads, width, bias, batch, steps
ROWS = [
    ("two layers", 11, 6, 2, 2, 8, False, 3, 6),
    ("biases, fewer steps than the context", 7, 5, 1, 3, 6, True, 2, 4),
    ("one step", 5, 4, 1, 1, 4, False, 2, 1),
]


class Attention(nn.Module):
    def __init__(self, heads, width, bias):
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width, bias=bias), nn.Linear(width, width, bias=bias)

    def forward(self, x):
        batch, steps, width = x.shape
        q, k, v = (
            part.view(batch, steps, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2))
        scores = q @ k.transpose(-2, -1) / math.sqrt(width // self.heads)
        scores = scores.masked_fill(torch.ones(steps, steps).triu(1).bool(), -math.inf)
        return self.c_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, steps, width))


class Perceptron(nn.Module):
    def __init__(self, width, bias):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width, bias=bias), nn.Linear(4 * width, width, bias=bias)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, heads, width, bias):
        super().__init__()
        self.ln_1, self.ln_2 = (nn.LayerNorm(width, bias=bias) for _ in range(2))
        self.attn, self.mlp = Attention(heads, width, bias), Perceptron(width, bias)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary, context, layers, heads, width, bias):
        super().__init__()
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocabulary, width), "wpe": nn.Embedding(context, width),
            "h": nn.ModuleList(Block(heads, width, bias) for _ in range(layers)), "ln_f": nn.LayerNorm(width, bias=bias)})
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.transformer.wte.weight = self.lm_head.weight

    def forward(self, tokens):
        parts = self.transformer
        x = parts.wte(tokens) + parts.wpe(torch.arange(tokens.shape[1]))
        for block in parts.h:
            x = block(x)
        return self.lm_head(parts.ln_f(x))


def gpt():
    cases = []
    for name, vocabulary, context, layers, heads, width, bias, batch, steps in ROWS:
        model = GPT(vocabulary, context, layers, heads, width, bias).double()
        for parameter in model.parameters():
            with torch.no_grad():
                parameter.copy_((torch.randn_like(parameter) * 300).round() / 1000 + (parameter.dim() == 1))
        tokens, targets = torch.randint(vocabulary, (2, batch, steps))
        logits = model(tokens)
        loss = F.cross_entropy(logits.reshape(-1, vocabulary), targets.reshape(-1), reduction="sum")
        loss.backward()
        parameters = dict(model.named_parameters())
        cases.append({
            "name": name, "vocabulary": vocabulary, "context": context, "layers": layers, "heads": heads, "width": width,
            "bias": bias, "tokens": tensor(tokens), "targets": tensor(targets), "logits": tensor(logits), "loss": loss.item(),
            "parameterNames": list(parameters), "parameters": [tensor(p) for p in parameters.values()],
            "gradients": [tensor(p.grad) for p in parameters.values()]})
    return cases


if __name__ == "__main__":
    torch.manual_seed(0)
    write(__file__, "gpt", gpt())
