"""What launch/check-onnx does: trains each model two steps, exports it, and lets onnxruntime answer the same inputs."""

import os
import pathlib
import random
import subprocess
import sys
import tempfile

import h5py
import numpy
import onnxruntime

LOCKSTEP = os.environ["LOCKSTEP"]
TABLES = {"linear-regression": 2, "sine-mlp": 4, "house-prices": 331, "house-prices-mlp": 331}


def lockstep(*words):
    done = subprocess.run([LOCKSTEP, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"lockstep {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def images(path, size):
    with h5py.File(path, "w") as file:
        for split in ("train", "test"):
            file[f"{split}/images"] = numpy.random.default_rng(1).integers(0, 256, (16, 1, size, size), dtype=numpy.uint8)
            file[f"{split}/labels"] = numpy.arange(16, dtype=numpy.int64) % 10
        file.attrs["lockstep_format"], file.attrs["task"], file.attrs["source_sha256"] = 1, "classification", "0" * 64
        file.attrs["class_names"] = [f"class {number}" for number in range(10)]


def table(path, features):
    numbers = numpy.random.default_rng(2)
    with h5py.File(path, "w") as file:
        file["train/features"] = numbers.normal(size=(64, features)).astype(numpy.float32)
        file["train/targets"] = numbers.uniform(1, 2, (64, 1)).astype(numpy.float32)
        file.attrs["lockstep_format"], file.attrs["task"], file.attrs["source_sha256"] = 1, "regression", "0" * 64
        file.attrs["feature_names"] = [f"column {number}" for number in range(features)]


def texts(folder):
    words = random.Random(3)
    lines = [" ".join(words.choice(["time", "men", "sea", "moon", "of"]) for _ in range(9)) for _ in range(400)]
    (folder / "text.txt").write_text("\n".join(lines) + "\n")
    lockstep("convert", "text", folder / "text.txt", "--output", folder / "text.h5")
    pairs = [[f"w{words.randrange(20)}" for _ in range(words.randrange(2, 6))] for _ in range(300)]
    (folder / "pairs.txt").write_text("".join(f"{' '.join(pair)} .\t{' '.join(reversed(pair))} .\n" for pair in pairs))
    lockstep("convert", "pairs", folder / "pairs.txt", "--output", folder / "pairs.h5")


def dataset(folder, model, task):
    if task == "text":
        return folder / "text.h5"
    if task == "pairs":
        return folder / "pairs.h5"
    if model in TABLES:
        if not (path := folder / f"{model}.h5").exists():
            table(path, TABLES[model])
        return path
    if not (path := folder / "images.h5").exists():
        images(path, 28)
    return path


def difference(folder, model):
    """Of the logits, the largest; and how large they are."""
    task = "pairs" if model.startswith(("seq2seq", "transformer")) else "text" if model in TEXT_MODELS else ""
    checkpoint, graph, example = folder / model, folder / f"{model}.onnx", folder / f"{model}.example.h5"
    lockstep("train", model, "--data", dataset(folder, model, task), "--steps", 2, "--batch-size", 4, "--quiet",
             "--checkpoint", checkpoint)
    lockstep("export", checkpoint, "--format", "onnx", "--output", graph, "--example", example)
    return compare(graph, example)


def compare(graph, example):
    """Of onnxruntime's answers and those of the example."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    with h5py.File(example) as file:
        wanted = {name: file["inputs"][name][()] for name in file["inputs"]}
        (name, answer), = ((name, file["outputs"][name][()]) for name in file["outputs"])
    found, = session.run([name], {value.name: wanted[value.name] for value in session.get_inputs()})
    assert found.shape == answer.shape, (found.shape, answer.shape)
    return float(numpy.abs(found - answer).max()), float(numpy.abs(answer).max())


TEXT_MODELS = {"rnn", "gru", "lstm", "deep-lstm", "bidirectional-lstm", "gpt"}
examples = pathlib.Path(sys.argv[2]) if sys.argv[1:2] == ["--examples"] else None
if examples:
    models = sorted(path.stem for path in examples.glob("*.onnx"))
    assert models, f"{examples} holds no graphs"
else:
    models = sys.argv[1:] or [line.split()[0] for line in lockstep("models").splitlines()[1:]]
failed = []
with tempfile.TemporaryDirectory() as place:
    folder = examples or pathlib.Path(place)
    if not examples:
        texts(folder)
    for model in models:
        try:
            if examples:
                apart, size = compare(folder / f"{model}.onnx", folder / f"{model}.example.h5")
            else:
                apart, size = difference(folder, model)
            is_good = apart <= (1e-5 if size <= 10 else 1e-4)
            print(f"{model:22} {apart:.2e} of logits up to {size:.3g}{'' if is_good else '  TOO LARGE'}", flush=True)
        except Exception as error:  # Whatever onnxruntime says: the others are compared all the same.
            is_good = False
            print(f"{model:22} {error}", flush=True)
        if not is_good:
            failed.append(model)
sys.exit(f"check-onnx: {', '.join(failed)}" if failed else 0)
