"""`compare-pytorch logits MODEL…`: a checkpoint in the same PyTorch network gives the logits of `lockstep predict`.

Each model is trained with Lockstep for some steps on Fashion-MNIST. Its checkpoint is read with h5py alone into the
PyTorch network of models.py, and both networks see the 10,000 test images.
"""

import tempfile

import torch

import lockstep
from models import MODELS

LIMIT = 1e-4
BATCH = 1000


def import_h5py():
    try:
        import h5py
    except ImportError as error:
        raise lockstep.Failure("this Python has no h5py, which \"logits\" needs", status=66) from error
    return h5py


def load(network, path):
    """Fills a PyTorch network with a checkpoint; names and shapes must be the network's own."""
    h5py = import_h5py()
    with h5py.File(path) as file:
        state = {name: torch.tensor(values[()]) for name, values in file["model"].items()}
    network.load_state_dict(state)
    return network.eval()


def test_images(path):
    """The test split as float32 in 0…1, `[n, channels, height, width]`."""
    with import_h5py().File(path) as file:
        return torch.from_numpy(file["test/images"][()]).float() / 255


def largest_difference(name, data, steps, folder):
    """Between PyTorch's logits and those of `lockstep predict`, over the test split."""
    checkpoint, predictions = f"{folder}/{name}", f"{folder}/{name}.h5"
    lockstep.output([
        lockstep.BINARY, "train", name, "--data", data, "--steps", steps, "--checkpoint", checkpoint, "--quiet",
    ])
    lockstep.output([lockstep.BINARY, "predict", checkpoint, "--data", data, "--output", predictions])
    network = load(MODELS[name].build(), f"{checkpoint}/checkpoint-{steps:08}.h5")
    with torch.no_grad():
        theirs = torch.cat([network(batch) for batch in test_images(data).split(BATCH)])
    with import_h5py().File(predictions) as file:
        ours = torch.from_numpy(file["logits"][()])
    if ours.shape != theirs.shape:
        raise lockstep.Failure(f"{name}: logits {tuple(ours.shape)}, but {tuple(theirs.shape)} in PyTorch")
    same = (ours.argmax(1) == theirs.argmax(1)).sum().item()
    return (ours - theirs).abs().max().item(), theirs.abs().max().item(), same, len(ours)


def compare(names, steps):
    """Prints a Markdown row for each model; whether all of them are within the limit."""
    import_h5py()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/fashion-mnist.h5"
        lockstep.output([lockstep.BINARY, "convert", "fashion-mnist", "--output", data])
        print(f"| model, {steps} steps | largest logit | largest difference | same class |")
        print("|---|---|---|---|", flush=True)
        for name in names:
            difference, largest, same, count = largest_difference(name, data, steps, folder)
            # A difference that is not a number is not within the limit either.
            within = difference <= LIMIT
            good = good and within
            note = "" if within else f" (above {LIMIT:g})"
            print(f"| {name} | {largest:.2f} | {difference:.1e}{note} | {same:,} of {count:,} |", flush=True)
    return good
