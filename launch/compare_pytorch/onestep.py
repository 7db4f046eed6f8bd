"""`compare-pytorch step MODEL…`: one training step from the same start, and the logits after it, as PyTorch's.

The data are random images of the model's own input shape. The first step of both sides sees all of them, so that their
order does not matter. Networks with dropout draw other masks than PyTorch; of them only the logits are compared.
"""

import tempfile

import torch
from torch import nn

import lockstep
from logits import import_h5py, load
from models import MODELS

LIMITS = {"direct": 1e-4, "automatic": 1e-3}
COUNT = 12


def write_data(model, path):
    """A classification data set as `contract.md` describes it, made with h5py alone."""
    generator = torch.Generator().manual_seed(1)
    with import_h5py().File(path, "w") as file:
        file.attrs["lockstep_format"] = 1
        file.attrs["task"] = "classification"
        file.attrs["source_sha256"] = ""
        file.attrs["class_names"] = [f"class {i}" for i in range(model.classes)]
        for split in ("train", "test"):
            images = torch.randint(256, (COUNT, *model.input_shape), generator=generator, dtype=torch.uint8)
            file[f"{split}/images"] = images.numpy()
            file[f"{split}/labels"] = torch.randint(model.classes, (COUNT,), generator=generator).numpy()


def read(path, split):
    with import_h5py().File(path) as file:
        images = torch.from_numpy(file[f"{split}/images"][()]).float() / 255
        return images, torch.from_numpy(file[f"{split}/labels"][()])


def pytorch_step(network, data, learning_rate):
    network.train()
    images, labels = read(data, "train")
    nn.functional.cross_entropy(network(images), labels).backward()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= learning_rate * parameter.grad
    return network.state_dict()


def differences(name, method, folder):
    """The largest difference of parameters and buffers after a step (None with dropout), and of the logits."""
    model = MODELS[name]
    data, checkpoints = f"{folder}/{name}.h5", f"{folder}/{name}-{method}"
    write_data(model, data)
    for steps in (0, 1):
        lockstep.output([
            lockstep.BINARY, "train", name, "--data", data, "--steps", steps, "--checkpoint", checkpoints, "--quiet",
            "--batch-size", COUNT, "--learning-rate", 0.01, "--convolution", method,
        ])
    start, after = (load(model.build(), f"{checkpoints}/checkpoint-{steps:08}.h5") for steps in (0, 1))
    drops = any(isinstance(layer, nn.Dropout) for layer in start.modules())
    step = None
    if not drops:
        theirs = pytorch_step(start, data, 0.01)
        step = max((ours.float() - theirs[key].float()).abs().max().item() for key, ours in after.state_dict().items())
    predictions = f"{folder}/{name}-{method}-predictions.h5"
    lockstep.output([lockstep.BINARY, "predict", checkpoints, "--data", data, "--output", predictions])
    with torch.no_grad():
        theirs = after(read(data, "test")[0])
    with import_h5py().File(predictions) as file:
        ours = torch.from_numpy(file["logits"][()])
    return step, (ours - theirs).abs().max().item()


def compare(names):
    """Prints a Markdown row for each model; whether all of them are within the limits."""
    good = True
    print("| model | convolution | parameters after a step | logits | limit |")
    print("|---|---|---|---|---|", flush=True)
    for name in names:
        for method, limit in LIMITS.items():
            with tempfile.TemporaryDirectory() as folder:
                step, logits = differences(name, method, folder)
            within = logits <= limit and (step is None or step <= limit)
            good = good and within
            shown = "dropout" if step is None else f"{step:.1e}"
            print(f"| {name} | {method} | {shown} | {logits:.1e} | {limit:g}{'' if within else ' MISSED'} |", flush=True)
    return good
