"""Each system call of saving, converting and metrics fails in turn, once and for good; and a disk that is full."""

import errno
import itertools
import json
import os
import shutil
import subprocess

from Commands.support import BINARY, COMPILER, ROOT, TIME_LIMIT, run

from .small_disk import small_disk
from .table import Table

CALLS = {"write": errno.ENOSPC, "short": 0, "fsync": errno.EIO, "rename": errno.EIO, "close": errno.EIO}
CHECKS = ["no crash", "no silence", "what was there is whole", "no leftovers"]


class Work:
    """A command that writes into a folder, which holds an earlier output of it."""

    def __init__(self, bench, name, prepare, arguments, outputs):
        self.name, self.arguments = name, arguments
        self.folder, self.beside, self.template = (bench.folder / f"io-{name}{end}" for end in ("", "-beside", "-before"))
        self.template.mkdir()
        prepare(self.template)
        self.before = contents(self.template)
        self.reset()
        done = self.run({})
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr}")
        self.outputs = outputs
        self.after = contents(self.folder)

    def reset(self):
        for folder in (self.folder, self.beside):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.template, self.folder)

    def run(self, environment):
        words = [str(word).replace("FOLDER", str(self.folder)) for word in self.arguments]
        return subprocess.run(
            [BINARY, *words], capture_output=True, text=True, timeout=TIME_LIMIT, env={**os.environ, **environment})


def contents(folder):
    return {path.name: timeless(path) for path in folder.iterdir()}


def timeless(path):
    """The bytes of a file; of metrics, what is not a time."""
    if path.suffix != ".jsonl":
        return path.read_bytes()
    lines = []
    for line in path.read_text().splitlines(True):
        try:
            event = json.loads(line) if line.endswith("\n") else "half a line"
            lines.append(f"{event['epoch']} {event['train_loss']}\n")
        except (ValueError, TypeError, KeyError):
            lines.append(line)
    return "".join(lines).encode()


def io(bench, random, count):
    """`count` is the most calls of each kind that fail, of each command; the short form takes few commands, too."""
    table = Table("io", CHECKS)
    library, log = bench.folder / "failing_calls.so", bench.folder / "calls"
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-O", "-o", library, ROOT / "Tests" / "Commands" / "failing_calls.c", "-ldl"],
        check=True)
    injected = 0
    for work in itertools.islice(works(bench), 3 if count < 10 else None):
        for call, code in CALLS.items():
            environment = {
                "LD_PRELOAD": str(library), "LOCKSTEP_FAIL_UNDER": os.path.realpath(work.folder), "LOCKSTEP_FAIL_CALL": call,
                "LOCKSTEP_FAIL_CODE": str(code), "LOCKSTEP_FAIL_LOG": str(log)}
            log.write_bytes(b"")
            work.reset()
            work.run(environment)
            calls = len(log.read_bytes())
            places = range(1, calls + 1)
            for place in places if calls <= count else sorted(random.sample(places, count)):
                for ever in (False, True) if count >= 10 else [random.random() < 0.5]:
                    log.write_bytes(b"")
                    work.reset()
                    more = {"LOCKSTEP_FAIL_AT": str(place), **({"LOCKSTEP_FAIL_EVER": "1"} if ever else {})}
                    done = work.run({**environment, **more})
                    injected += log.read_bytes().count(b"F")
                    name = f"{work.name}: {call} {place} of {calls}, {'for good' if ever else 'once'}"
                    judge(table, name, work, call, done)
    table.remark("calls that failed", injected)
    small_disk(bench, table)
    return table


def judge(table, name, work, call, done):
    """What a command may do about it: say so and leave what was there, or have done its work all the same."""
    found = contents(work.folder)
    isDone = all(found.get(output) == work.after[output] for output in work.outputs)
    said = done.stderr.strip()
    torn = [n for n in work.before if found.get(n) not in (work.before[n], work.after.get(n))]
    torn += [n for n in found if n not in work.before and found[n] != work.after.get(n) and not is_beginning(n, found, work)]
    if work.beside.exists() and not (done_beside := list(work.beside.glob("*.h5"))):
        torn.append(f"{done_beside}: the training was not saved")
    strange = [n for n in found if n not in work.before and n not in work.after]
    table.add(
        name, no_crash=None if 0 <= done.returncode < 128 else f"exit code {done.returncode}: {said}",
        no_silence=None if isDone or (done.returncode != 0 and said.startswith("lockstep: ")) else f"{done.returncode}: {said}",
        what_was_there_is_whole=f"{torn}" if torn else None,
        no_leftovers=f"{strange}: {said}" if strange else None)
    if call == "short" and (done.returncode != 0 or not isDone):
        table.fail(f"io {name}: a short write is no fault: {done.returncode}: {said}")


def is_beginning(name, found, work):
    """Metrics may lack lines, but have no half ones."""
    return name.endswith(".jsonl") and all(line in work.after[name].splitlines(True) for line in found[name].splitlines(True))


def works(bench):
    data = bench.data["short"]
    train = ("train", "mlp", "--data", data, "--quiet", "--reproducible", "--batch-size", 100)

    def saved(folder, *more):
        done = run(*train, "--steps", 2, "--checkpoint", folder, *more)
        assert done.returncode == 0, done.stderr

    def copied(folder):
        shutil.copy(data, folder / "output.h5")

    table = bench.folder / "table.csv"
    table.write_text("a,b,target\n" + "".join(f"{i},{i * i},{i + 1}\n" for i in range(300)))
    (bench.folder / "text.txt").write_text("the time traveller for so it will be convenient to speak of him\n" * 50)
    checkpoint = bench.folder / "io-checkpoint"
    saved(checkpoint)
    yield Work(
        bench, "save", saved,
        [*train, "--steps", 5, "--checkpoint-every", "1steps", "--checkpoint", "FOLDER", "--resume", "FOLDER"],
        ["checkpoint-00000005.h5"])
    yield Work(
        bench, "metrics", lambda folder: None,
        [*train, "--epochs", 3, "--metrics", "FOLDER/lines.jsonl", "--checkpoint", "FOLDER-beside"], ["lines.jsonl"])
    yield Work(bench, "convert csv", copied, ["convert", "csv", "--input", table, "--target", "target", "--output", "FOLDER/output.h5"], ["output.h5"])
    yield Work(bench, "convert text", copied, ["convert", "text", bench.folder / "text.txt", "--output", "FOLDER/output.h5"], ["output.h5"])
    yield Work(
        bench, "predict", copied, ["predict", checkpoint, "--data", data, "--output", "FOLDER/output.h5"], ["output.h5"])
    yield Work(bench, "plot", lambda folder: None, [*train, "--epochs", 1, "--plot", "FOLDER/curve.svg"], ["curve.svg"])
