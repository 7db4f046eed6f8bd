"""PyTorch's side of `compare-pytorch generate`: prints tokens a second of one configuration.

    python pytorch_generating.py MODEL COUNT THREADS COMPILED
"""

import json
import statistics
import sys
import time

import torch

from transformers import MODELS

TEXTS = 5


def main():
    name, count, threads, compiled = sys.argv[1], *map(int, sys.argv[2:5])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = MODELS[name].build().eval()
    if compiled:
        network.next = torch.compile(network.next, fullgraph=True)
    network.generate(count, fixed=bool(compiled))
    seconds = []
    for _ in range(TEXTS):
        start = time.perf_counter()
        network.generate(count, fixed=bool(compiled))
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"tokens_per_second": count / statistics.median(seconds)}))


main()
