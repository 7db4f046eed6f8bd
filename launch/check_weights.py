"""What launch/check-weights does: a ResNet from PyTorch to Lockstep and back, on Fashion-MNIST."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "compare_pytorch"))
from models import resnet18  # noqa: E402

LOCKSTEP = os.environ["LOCKSTEP"]
BATCH, SIDE, SOURCE = 32, 96, "/usr/share/datasets/fashion-mnist"
GROUPS = {"clothing": (0, 1, 2, 3, 4, 6), "shoes": (5, 7, 9), "bags": (8,)}
FROZEN = ("0.", "1.", "2.")  # the beginning and two stages
FARTHEST = 1e-3  # of the logits; there are 20 layers of 3×3, which Lockstep may compute by Winograd


class Stage(nn.Module):
    """A residual block with torchvision's names."""

    def __init__(self, block):
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = block.conv1, block.bn1, block.conv2, block.bn2
        if block.conv3:
            self.downsample = block.conv3


class TorchvisionNames(nn.Module):
    """The same layers, called as torchvision calls a ResNet's."""

    MAP = "conv1.*=0.0.*,bn1.*=0.1.*,fc.*=7.*,layer*.downsample.*=*.conv3.*,layer*=*"

    def __init__(self, network):
        super().__init__()
        self.conv1, self.bn1, self.fc = network[0][0], network[0][1], network[7]
        for number in range(1, 5):
            self.add_module(f"layer{number}", nn.Sequential(*map(Stage, network[number])))


def lockstep(*words):
    done = subprocess.run([LOCKSTEP, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"check-weights: lockstep {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def check(holds, what):
    if not holds:
        sys.exit(f"check-weights: {what}")


def datasets(folder, train, test):
    """The first images of Fashion-MNIST: with its classes, and with three groups of them."""
    lockstep("convert", "fashion-mnist", "--source", SOURCE, "--output", folder / "all.h5")
    with h5py.File(folder / "all.h5") as source:
        for name, groups in (("ten", None), ("three", GROUPS)):
            with h5py.File(folder / f"{name}.h5", "w") as file:
                for split, count in (("train", train), ("test", test)):
                    labels = source[f"{split}/labels"][:count]
                    if groups:
                        labels = sum(numpy.isin(labels, of) * number for number, of in enumerate(groups.values()))
                    file[f"{split}/images"], file[f"{split}/labels"] = source[f"{split}/images"][:count], labels
                file.attrs.update({key: source.attrs[key] for key in ("lockstep_format", "task", "source_sha256")})
                file.attrs["class_names"] = list(groups or source.attrs["class_names"])


def read(path, split):
    """Images as torchvision would hand them over, and labels."""
    with h5py.File(path) as file:
        images, labels = file[f"{split}/images"][()], file[f"{split}/labels"][()]
    large = [numpy.asarray(Image.fromarray(image[0]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for image in images]
    return torch.from_numpy(numpy.stack(large)).unsqueeze(1).float() / 255, torch.from_numpy(labels).long()


def train(network, images, labels, steps):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    network.train()
    for step in range(steps):
        rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(images)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
        optimizer.step()


def answers(network, images):
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in images.split(100)])


def compare(what, network, checkpoint, data, folder):
    """Both programs on the test images: the same right, and nearly the same logits."""
    images, labels = read(data, "test")
    theirs = answers(network, images)
    lockstep("evaluate", checkpoint, "--data", data, "--output", folder / "figures.json")
    lockstep("predict", checkpoint, "--data", data, "--output", folder / "logits.h5")
    with h5py.File(folder / "logits.h5") as file:
        ours = torch.from_numpy(file["logits"][()])
    apart, largest = (ours - theirs).abs().max().item(), theirs.abs().max().item()
    right = [(logits.argmax(1) == labels).sum().item() for logits in (theirs, ours)]
    accuracy = json.loads((folder / "figures.json").read_text())["measures"]["accuracy"]
    print(f"{what:34} PyTorch {right[0]} of {len(labels)} right, Lockstep {right[1]}; logits up to {largest:.3g} differ by "
          f"{apart:.1e}", flush=True)
    check(right[0] == right[1] and round(accuracy * len(labels)) == right[0], f"{what}: not the same are right ({accuracy})")
    check(apart <= FARTHEST, f"{what}: logits differ by {apart:.1e}, more than {FARTHEST:g}")
    return lockstep("inspect", checkpoint, "--digest").strip()


def main():
    parser = argparse.ArgumentParser(prog="check-weights")
    parser.add_argument("--steps", type=int, default=40, help="of PyTorch's training, 32 images each")
    parser.add_argument("--tuning-steps", type=int, default=20, help="of Lockstep's fine-tuning")
    parser.add_argument("--images", type=int, default=500, help="to judge by")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        ten, three = folder / "ten.h5", folder / "three.h5"
        datasets(folder, max(chosen.steps, chosen.tuning_steps, 1) * BATCH, chosen.images)

        network = resnet18()
        train(network, *read(ten, "train"), chosen.steps)
        weights, other = folder / "resnet.safetensors", folder / "named.safetensors"
        save_file(network.state_dict(), weights)
        save_file(TorchvisionNames(network).state_dict(), other)
        lockstep("import", weights, "--model", "resnet18", "--data", ten, "--output", folder / "taken")
        digest = compare("PyTorch's, imported", network, folder / "taken", ten, folder)
        lockstep("import", other, "--model", "resnet18", "--data", ten, "--map", TorchvisionNames.MAP, "--output", folder / "named")
        check(lockstep("inspect", folder / "named", "--digest").strip() == digest, "torchvision's names: another model")
        print(f"{'the same by torchvision’s names':34} {digest}", flush=True)

        lockstep("train", "resnet18", "--data", three, "--from", weights, "--replace-head", "--freeze",
                 ",".join(name.rstrip(".") for name in FROZEN), "--learning-rate", "head=0.05,*=0.005", "--batch-size", BATCH,
                 "--steps", chosen.tuning_steps, "--checkpoint", folder / "tuned", "--quiet")
        lockstep("export", folder / "tuned", "--format", "safetensors", "--output", folder / "tuned.safetensors")
        tuned, before = load_file(folder / "tuned.safetensors"), load_file(weights)
        network[7] = nn.Linear(512, len(GROUPS))
        network.load_state_dict(tuned, strict=True)
        for name, tensor in tuned.items():
            # A bias that a normalisation takes away again has no gradient but for rounding.
            stays = name.startswith(FROZEN) or name.endswith("num_batches_tracked") or ".conv" in name and name.endswith(".bias")
            check(stays or name.startswith("7.") or not torch.equal(tensor, before[name]), f"{name} was not tuned")
            check(not name.startswith(FROZEN) or torch.equal(tensor, before[name]), f"{name} did not stay as it was")
        compare("fine-tuned to three groups, back", network, folder / "tuned", three, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
