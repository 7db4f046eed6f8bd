"""`compare-pytorch loading`: a file of images three times as large as the memory that may be used, read and trained on."""

import os
import pathlib
import sys
import tempfile

import lockstep
from book import timed

HERE = pathlib.Path(__file__).resolve().parent
MEGABYTES = 600  # of pixels in the file; a third of them fits the memory
MEMORY = ["--memory", f"{MEGABYTES // 3}MB"]
SPARSE_GIGABYTES = 100
ROUNDS = 3


def make(path, images, sparse=False):
    """A classification file by h5py. A sparse one has its last image alone on the disk: the others are holes, zeros."""
    import h5py
    import numpy

    with h5py.File(path, "w") as file:
        file.attrs.update(lockstep_format=1, task="classification", source_sha256="0" * 64)
        file.attrs["class_names"] = [str(number) for number in range(10)]
        for name, shape in (("train/images", (images, 1, 28, 28)), ("train/labels", (images,))):
            chunks = None if sparse else (256, *shape[1:])
            data = file.create_dataset(name, shape, "u1", chunks=chunks, fletcher32=not sparse)
            if sparse:
                data[images - 1] = 0
                continue
            numbers = numpy.random.default_rng(0)
            for start in range(0, images, 25_600):
                count = min(25_600, images - start)
                data[start:start + count] = numbers.integers(0, 10 if len(shape) == 1 else 256, (count, *shape[1:]), "u1")


def first_step(path):
    """Seconds from the start of the command to its end after one step, and the most memory it had, in MB."""
    command = ["/usr/bin/env", "OMP_NUM_THREADS=1", lockstep.BINARY, "train", "lenet", "--data", path, "--steps", "1", "--quiet"]
    script = (
        "import resource, subprocess, sys, time\nstart = time.monotonic()\nsubprocess.run(sys.argv[1:], check=True)\n"
        "print(time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    words = lockstep.output([sys.executable, "-c", script, *command]).split()
    return float(words[-2]), float(words[-1])


def rate(path, options):
    """Images a second of two epochs' worth of LeNet, as the training itself reports it."""
    with tempfile.TemporaryDirectory() as folder:
        metrics = f"{folder}/m.jsonl"
        lockstep.output([
            "env", "OMP_NUM_THREADS=1", lockstep.BINARY, "train", "lenet", "--data", path, "--epochs", "1", "--metrics", metrics,
            "--quiet", "--learning-rate", "0.01", *options,
        ], limit=600)
        return lockstep.last_json(pathlib.Path(metrics).read_text())["examples_per_second"]


def compare(report):
    """Everything in turn on one file, which is in the page cache for all of them."""
    images = MEGABYTES * 1_000_000 // 784
    result = {"model": "loading", "bar": 5.0, "dd": [], "loader": [], "streamed": [], "resident": [], "pytorch": {}}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        data, sparse = f"{folder}/large.h5", f"{folder}/sparse.h5"
        make(data, images)
        make(sparse, SPARSE_GIGABYTES * 1_000_000_000 // 784, sparse=True)
        size = pathlib.Path(data).stat().st_size
        for number in range(1, ROUNDS + 1):
            result["dd"].append(size / timed(["dd", f"if={data}", "of=/dev/null", "bs=1M", "status=none"])[0] / 1e6)
            text = lockstep.output([
                "env", "OMP_NUM_THREADS=1", lockstep.BINARY, "benchmark", "mlp", "--json", "--loader", data, *MEMORY])
            result["loader"].append(lockstep.last_json(text)["examples_per_second"])
            report(f"   round {number} dd {result['dd'][-1]:,.0f} MB/s, loader {result['loader'][-1]:,.0f} images/s")
            for name, options in (("streamed", MEMORY), ("resident", ["--memory", "4GB", "--shuffle", "windowed"])):
                result[name].append(rate(data, options))
                report(f"   round {number} LeNet {name}: {result[name][-1]:,.0f} images/s")
        for workers in (0, 1, 2, 4):
            text = lockstep.output([sys.executable, HERE / "pytorch_loading.py", data, workers], limit=900)
            result["pytorch"][workers] = lockstep.last_json(text)["examples_per_second"]
            report(f"   PyTorch's DataLoader, {workers} workers: {result['pytorch'][workers]:,.0f} images/s")
        result["first"] = {"large": first_step(data), "sparse": first_step(sparse)}
    return result


def table(result):
    """The Markdown table of the measurements."""
    loader, theirs = max(result["loader"]), max(result["pytorch"].values())
    streamed, resident = max(result["streamed"]), max(result["resident"])
    disk = max(result["dd"])
    lines = [
        f"| {MEGABYTES} MB of images, {MEGABYTES // 3} MB of memory | figure | bar |",
        "|---|---|---|",
        f"| LeNet streamed, images/s, one core | {streamed:,.0f}; in memory {resident:,.0f} | {streamed / resident:.3f} (0.95) |",
        f"| loader alone, images/s | {loader:,.0f} = {loader * 784 / 1e6:,.0f} MB/s of the file | "
        f"{loader * 784 / 1e6 / disk:.2f} of dd's {disk:,.0f} MB/s (0.90) |",
        f"| PyTorch's DataLoader over h5py, shuffled, best of 0, 1, 2, 4 workers | {theirs:,.0f} | "
        f"ours {loader / theirs:.0f}× (5×) |",
    ]
    for name, (seconds, memory) in result["first"].items():
        size = f"{MEGABYTES} MB" if name == "large" else f"{SPARSE_GIGABYTES} GB"
        lines.append(f"| start to the end of one step, {size} | {seconds:.2f} s, {memory:,.0f} MB resident | 1 s, 300 MB |")
    return "\n".join(lines)
