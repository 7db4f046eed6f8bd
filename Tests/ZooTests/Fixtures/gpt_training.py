"""Holds a short training of gpt by Lockstep against one in PyTorch: the same first weights, windows and schedule.

    python gpt_training.py LOCKSTEP DATA.h5 [STEPS] [OPTION…]

LOCKSTEP is the executable, DATA.h5 a text; options are train's. Lockstep saves its first weights and says which windows each step
takes; where the epoch's windows begin is found by the first loss.
"""

import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import h5py
import torch
import torch.nn.functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parent))
from gpt_fixtures import GPT


def lockstep_run(lockstep, data, steps, options):
    with tempfile.TemporaryDirectory() as folder:
        base = [lockstep, "train", "gpt", "--data", data, *options]
        subprocess.run([*base, "--steps", "0", "--checkpoint", f"{folder}/first", "--quiet"], check=True)
        shown = subprocess.run(
            [*base, "--steps", str(steps), "--schedule-steps", str(max(steps - 3, 1)), "--warmup", "3", "--verbose"], check=True,
            capture_output=True, text=True).stdout
        with h5py.File(next(pathlib.Path(folder, "first").glob("*.h5"))) as file:
            weights = {name: torch.tensor(value[()]) for name, value in file["model"].items()}
            configuration = json.loads(file["training"].attrs["configuration"])
    return weights, configuration, shown


def main():
    lockstep, data, steps, options = sys.argv[1], sys.argv[2], int((sys.argv + ["20"] * 3)[3]), sys.argv[4:]
    weights, settings, shown = lockstep_run(lockstep, data, steps, options)
    reports = re.findall(r"step \d+ rank 0: loss ([^,]+), gradient norm ([^,]+), samples ([\d ]+)", shown)
    with h5py.File(data) as file:
        tokens = torch.tensor(file["train/tokens"][:].astype("int64"))
    sizes = settings["sizes"]
    model = GPT(sizes["vocabulary"], sizes["context"], sizes["layers"], sizes["heads"], sizes["width"], False)
    missing = model.load_state_dict(weights, strict=False)
    assert missing.missing_keys == ["lm_head.weight"] and not missing.unexpected_keys, missing

    def batch(samples, offset):
        starts = [offset + int(sample) * sizes["context"] for sample in samples.split()]
        window = torch.stack([tokens[start:start + sizes["context"] + 1] for start in starts])
        return window[:, :-1], window[:, 1:]

    def loss(samples, offset):
        inputs, targets = batch(samples, offset)
        return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())

    with torch.no_grad():
        first = float(reports[0][0])
        offset = min(range(sizes["context"]), key=lambda offset: abs(loss(reports[0][2], offset).item() - first))
    matrices = [p for p in model.parameters() if p.dim() > 1 or settings.get("weightDecayOn", "all") == "all"]
    vectors = [p for p in model.parameters() if p.dim() < 2 and settings.get("weightDecayOn", "all") != "all"]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0}], lr=1e-3,
        betas=(settings.get("beta1", 0.9), settings.get("beta2", 0.999)))

    def rate(step, length=max(steps - 3, 1)):
        if step < 3:
            return 1e-3 * (0.01 + 0.99 * step / 3)
        return 1e-3 * (0.1 + 0.9 * (1 + math.cos(math.pi * min((step - 3) / length, 1))) / 2)

    worst = worst_norm = 0
    for step, (own, norm, samples) in enumerate(reports):
        value = loss(samples, offset)
        worst = max(worst, abs(value.item() - float(own)))
        if step % max(steps // 10, 1) == 0 or step == steps - 1:
            print(f"step {step + 1}: PyTorch {value.item():.5f}, Lockstep {float(own):.5f}")
        optimizer.zero_grad()
        value.backward()
        found = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        worst_norm = max(worst_norm, abs(found - float(norm)) / found)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
    print(f"{len(reports)} steps, the largest difference of losses {worst:.2e}, of gradient norms {worst_norm:.2e} of them")


if __name__ == "__main__":
    main()
