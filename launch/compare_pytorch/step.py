"""Times PyTorch's training step in one configuration and prints one JSON line.

    python step.py MODEL PRECISION CONFIGURATION SECONDS [RANK STORE [RANKS BATCH]]

A step is forward, loss, backward and update on batches that lie in memory; fetching them costs nothing here. PRECISION is
float32, or bf16 for autocast.
RANK and STORE (a file in which the processes find each other) belong to the DDP configurations, of two ranks unless RANKS says so,
and of the model's usual batch unless BATCH does.
"""

import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, replace

import torch
import torch.distributed as dist
from torch import nn

from models import MODELS

BATCHES = 8  # different ones, taken in turn
WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Configuration:
    threads: int
    channels_last: bool = False
    compiled: bool = False
    ranks: int = 1


CONFIGURATIONS = {
    "eager, 2 threads": Configuration(2),
    "eager, 1 thread": Configuration(1),
    "channels_last, 2 threads": Configuration(2, channels_last=True),
    "compile, 2 threads": Configuration(2, compiled=True),
    "compile, channels_last, 2 threads": Configuration(2, channels_last=True, compiled=True),
    "DDP gloo, 2 ranks": Configuration(1, ranks=2),
    "DDP gloo, channels_last, 2 ranks": Configuration(1, channels_last=True, ranks=2),
}


def make_step(model, configuration, precision):
    """A function that makes one training step on a batch."""
    network = model.build()
    if configuration.channels_last:
        network = network.to(memory_format=torch.channels_last)
    if configuration.ranks > 1:
        network = nn.parallel.DistributedDataParallel(network, gradient_as_bucket_view=True)
    parameters = list(network.parameters())
    optimizer = model.optimizer(parameters)

    def loss(inputs, targets):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            outputs = network(inputs)
        return model.loss(outputs.float(), targets)

    if configuration.compiled:
        loss = torch.compile(loss)

    def step(inputs, targets):
        optimizer.zero_grad(set_to_none=True)
        loss(inputs, targets).backward()
        model.clip(parameters)
        optimizer.step()

    return step


def make_batches(model, configuration, rank):
    size = (int(sys.argv[8]) if len(sys.argv) > 8 else model.batch_size) // configuration.ranks
    batches = [model.batch(size, seed=rank * BATCHES + i) for i in range(BATCHES)]
    if configuration.channels_last:
        batches = [(images.contiguous(memory_format=torch.channels_last), labels) for images, labels in batches]
    return batches


def agreed(value):
    """Rank 0's value on every rank, so that all make the same number of steps."""
    if not dist.is_initialized():
        return value
    tensor = torch.tensor([value])
    dist.broadcast(tensor, 0)
    return int(tensor.item())


def measure(step, batches, seconds):
    """Milliseconds of each step over about `seconds`, after a warm-up."""
    step(*batches[0])
    started, warm = time.perf_counter(), 0
    while True:
        step(*batches[warm % BATCHES])
        warm += 1
        elapsed = time.perf_counter() - started
        if agreed(int(elapsed >= WARM_UP_SECONDS)):
            break
    count = agreed(max(5, int(seconds * warm / elapsed)))
    times = []
    for i in range(count):
        before = time.perf_counter()
        step(*batches[i % BATCHES])
        times.append((time.perf_counter() - before) * 1000)
    return times


def peak_memory_mb():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM:"))


def main():
    model, precision, configuration = MODELS[sys.argv[1]], sys.argv[2], CONFIGURATIONS[sys.argv[3]]
    seconds, rank = float(sys.argv[4]), 0
    if len(sys.argv) > 7:
        configuration = replace(configuration, ranks=int(sys.argv[7]))
    torch.set_num_threads(configuration.threads)
    torch.manual_seed(0)
    if configuration.ranks > 1:
        rank = int(sys.argv[5])
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group("gloo", init_method="file://" + sys.argv[6], rank=rank, world_size=configuration.ranks)
    times = measure(make_step(model, configuration, precision), make_batches(model, configuration, rank), seconds)
    if rank == 0:
        print(json.dumps({
            "steps": len(times), "step_ms_median": statistics.median(times), "step_ms_min": min(times),
            "peak_memory_mb": peak_memory_mb(),
        }))
    if configuration.ranks > 1:
        # Without gloo's threads: they abort the process where the other rank has left before.
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
