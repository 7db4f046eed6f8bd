"""nanoGPT's character recipe as its users train it in PyTorch, over a text that Lockstep converted: the same split and tokens.

    python pytorch_gpt.py DATA.h5 STEPS THREADS

Windows of the text at random, AdamW with decay of matrices alone, warm-up, half a cosine, gradients clipped. Prints one JSON line.
"""

import json
import math
import sys

import h5py
import torch

from transformers import GPT, MODELS

MODEL = MODELS["gpt"]
CONTEXT, BATCH = MODEL.per_example, MODEL.batch_size
RATE, LEAST, WARM_UP = 1e-3, 1e-4, 100


def rate(step, steps):
    if step < WARM_UP:
        return RATE * (0.01 + 0.99 * step / WARM_UP)
    return LEAST + (RATE - LEAST) * (1 + math.cos(math.pi * (step - WARM_UP) / max(steps - WARM_UP, 1))) / 2


def held_out(network, tokens):
    """The loss a token over the whole text, in windows that do not overlap."""
    network.eval()
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(tokens) - 1, CONTEXT):
            window = tokens[start:start + CONTEXT + 1]
            total += MODEL.loss(network(window[None, :-1]), window[1:]).item() * (len(window) - 1)
    return total / (len(tokens) - 1)


def main():
    path, steps, threads = sys.argv[1], *map(int, sys.argv[2:4])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    with h5py.File(path) as file:
        training, validation = (torch.from_numpy(file[f"{split}/tokens"][()]).long() for split in ("train", "validation"))
        network = GPT(*MODEL.sizes, vocabulary=len(file["vocabulary"]))
    optimizer = MODEL.optimizer(list(network.parameters()))
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        windows = training[torch.randint(len(training) - CONTEXT, (BATCH, 1)) + torch.arange(CONTEXT + 1)]
        loss = MODEL.loss(network(windows[:, :-1]), windows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        MODEL.clip(network.parameters())
        optimizer.step()
        losses.append(loss.item())
    last = losses[-200:]
    print(json.dumps({"train_loss": sum(last) / len(last), "valid_loss": held_out(network, validation)}))


if __name__ == "__main__":
    main()
