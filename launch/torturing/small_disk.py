"""A file system of 2 MiB, on which a third checkpoint has no room. Run as a program, in a mount namespace of its own."""

import json
import os
import pathlib
import subprocess
import sys

NOT_PERMITTED = 77


def small_disk(bench, table):
    """Adds its cases to the table, or says that there are none."""
    from Commands.support import ROOT, run

    text, saved = bench.folder / "long.txt", bench.folder / "small-saved"
    text.write_text("".join(f"word{i} " for i in range(200_000)))
    done = run("train", "mlp", "--data", bench.data["short"], "--quiet", "--steps", 1, "--checkpoint", saved)
    assert done.returncode == 0, done.stderr
    disk = bench.folder / "disk"
    disk.mkdir()
    paths = os.pathsep.join(str(ROOT / name) for name in ("Tests", "launch"))
    try:
        done = subprocess.run(
            ["unshare", "--mount", sys.executable, "-B", "-m", "torturing.small_disk", disk, bench.data["short"], text, saved],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    except FileNotFoundError:
        done = None
    if done is None or done.returncode == NOT_PERMITTED or done.stderr.startswith("unshare: "):
        return table.remark("file system of 2 MiB", "not run: mounting is not permitted here")
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    lines = done.stdout.splitlines()
    for line in lines:
        case, faults = json.loads(line)
        table.add(f"2 MiB: {case}", **faults)
    table.remark("commands on a file system of 2 MiB", len(lines))


def main(disk, data, text, saved):
    from Commands.support import run

    disk = pathlib.Path(disk)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True).returncode != 0:
        sys.exit(NOT_PERMITTED)

    def refused(case, *arguments, kept=(), changing=()):
        """The command must say that there is no room, and leave what there was."""
        before = {path: path.read_bytes() for path in kept}
        done = run(*arguments)
        said = done.stderr.strip()
        lost = [path.name for path, bytes in before.items() if not path.exists() or path.read_bytes() != bytes]
        lost += [
            path.name for path in disk.rglob("checkpoint-*.h5")
            if not run("inspect", path, "--digest").stdout.startswith("sha256:")]
        strange = [path.name for path in disk.rglob("*") if path.name.endswith("lockstep-unfinished")]
        print(json.dumps([case, {
            "no_crash": None if 0 <= done.returncode < 128 else f"exit code {done.returncode}",
            "no_silence": None if done.returncode == 73 and "No space left" in said else f"{done.returncode}: {said}",
            "what_was_there_is_whole": f"{lost}" if lost else None,
            "no_leftovers": f"{strange}" if strange else None}]))

    train = ("train", "mlp", "--data", data, "--quiet", "--reproducible", "--batch-size", 100)
    folder = disk / "saved"
    refused("save", *train, "--steps", 20, "--checkpoint-every", "1steps", "--checkpoint", folder)
    refused("save again", *train, "--steps", 20, "--resume", folder, "--checkpoint", folder, kept=list(folder.iterdir()))
    output = disk / "output.h5"
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    room = pathlib.Path(data).read_bytes()
    output.write_bytes(room)
    refused("convert", "convert", "text", text, "--token", "word", "--output", output, kept=[output])
    fill(disk)
    refused("predict", "predict", saved, "--data", data, "--output", output, kept=[output])
    refused("metrics", *train, "--epochs", 2, "--metrics", disk / "lines.jsonl")
    refused("plot", *train, "--epochs", 2, "--plot", disk / "curve.svg")


def fill(disk):
    """Not a byte is left."""
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
