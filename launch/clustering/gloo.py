"""PyTorch's DistributedDataParallel over gloo, across the same hosts."""

import json
import os
import subprocess

from Commands.support import ROOT

STEP = ROOT / "launch" / "compare_pytorch" / "step.py"
CONFIGURATIONS = ("DDP gloo, 2 ranks", "DDP gloo, channels_last, 2 ranks")
CONVOLUTIONAL = ("lenet", "resnet18", "alexnet", "vgg11")
LIMIT = 600  # seconds that a measurement may take


def step_ms(hosts, python, folder, model, batch, seconds):
    """The median step of the fastest configuration, in milliseconds."""
    chosen = CONFIGURATIONS if model in CONVOLUTIONAL else CONFIGURATIONS[:1]
    return min(measure(hosts, python, folder, model, batch, seconds, name) for name in chosen)


def measure(hosts, python, folder, model, batch, seconds, configuration):
    store = folder / "store"
    store.unlink(missing_ok=True)
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "eth0", "OMP_NUM_THREADS": "1"}
    words = [python, STEP, model, "float32", configuration, seconds]
    ranks = [
        subprocess.Popen(
            [str(word) for word in (hosts.agent, "--here", name, *words, rank, store, len(hosts.names), batch)],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank, name in enumerate(hosts.names)]
    try:
        output, errors = ranks[0].communicate(timeout=LIMIT)
    finally:
        for process in ranks:
            process.kill()
            process.wait()
    if ranks[0].returncode != 0:
        raise RuntimeError(f"{model}, {configuration}: {errors.strip()}")
    return json.loads(output.splitlines()[-1])["step_ms_median"]
