"""nanoGPT's character recipe as its users train it in PyTorch, over a text that Lockstep converted: the same split and tokens.

    python pytorch_gpt.py DATA.h5 STEPS SEED THREADS

Windows of the text at random, AdamW with decay of matrices alone, warm-up, half a cosine, gradients clipped. Prints one JSON line.
"""

import json
import math
import sys
import time

import h5py
import torch
from torch import nn
from torch.nn import functional

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
RATE, LEAST, WARM_UP, DECAY = 1e-3, 1e-4, 100, 0.1


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x):
        batch, steps, _ = x.shape
        q, k, v = (part.view(batch, steps, HEADS, -1).transpose(1, 2) for part in self.c_attn(x).split(WIDTH, 2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, steps, WIDTH))


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        return self.c_proj(functional.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(WIDTH, bias=False), Attention()
        self.ln_2, self.mlp = nn.LayerNorm(WIDTH, bias=False), Perceptron()

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Tokens `[batch, steps]` to logits `[batch, steps, vocabulary]`."""

    def __init__(self, vocabulary):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.h, self.ln_f = nn.ModuleList(Block() for _ in range(LAYERS)), nn.LayerNorm(WIDTH, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                last = name.endswith("c_proj.weight")
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if last else 0.02)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        for block in self.h:
            x = block(x)
        return functional.linear(self.ln_f(x), self.wte.weight)


def rate(step, steps):
    if step < WARM_UP:
        return RATE * (0.01 + 0.99 * step / WARM_UP)
    return LEAST + (RATE - LEAST) * (1 + math.cos(math.pi * (step - WARM_UP) / max(steps - WARM_UP, 1))) / 2


def loss_of(network, tokens, targets, reduction="mean"):
    return functional.cross_entropy(network(tokens).flatten(0, 1), targets.flatten(), reduction=reduction)


def held_out(network, tokens):
    """The loss a token over the whole text, in windows that do not overlap."""
    network.eval()
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(tokens) - 1, CONTEXT):
            window = tokens[start:start + CONTEXT + 1]
            total += loss_of(network, window[None, :-1], window[None, 1:], "sum").item()
    return total / (len(tokens) - 1)


def main():
    path, steps, seed, threads = sys.argv[1], *map(int, sys.argv[2:5])
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    with h5py.File(path) as file:
        training, validation = (torch.from_numpy(file[f"{split}/tokens"][()].astype("int64")) for split in ("train", "validation"))
        network = GPT(len(file["vocabulary"]))
    matrices, others = ([weight for weight in network.parameters() if (weight.dim() > 1) == wanted] for wanted in (True, False))
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0}], RATE, (0.9, 0.99), fused=True)
    last, started = [], time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        starts = torch.randint(len(training) - CONTEXT, (BATCH, 1)) + torch.arange(CONTEXT + 1)
        windows = training[starts]
        loss = loss_of(network, windows[:, :-1], windows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        last = [*last[-199:], loss.item()]
    seconds = time.perf_counter() - started
    print(json.dumps({
        "seconds": seconds, "train_loss": sum(last) / len(last), "valid_loss": held_out(network, validation),
        "tokens_per_second": steps * BATCH * CONTEXT / seconds,
    }))


if __name__ == "__main__":
    main()
