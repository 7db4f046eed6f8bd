"""Runs Lockstep's own commands: the benchmark of a training step, and whole trainings."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / ".build" / "release" / "lockstep"
LOCAL = ROOT / "launch" / "local"
TWO_RANKS, ONE_PROCESS = "2 ranks", "1 process, 2 threads"
CONFIGURATIONS = (TWO_RANKS, ONE_PROCESS)
STEP_LIMIT = 300  # seconds in which a measurement of single steps must end


class Failure(Exception):
    """A command that failed, or printed something else than expected; `status` is what the comparison exits with."""

    def __init__(self, message, status=70):
        super().__init__(message)
        self.status = status


def output(command, environment=None, limit=STEP_LIMIT):
    """Standard output of `command`; `Failure` with its last line of standard error where it fails."""
    try:
        done = subprocess.run(
            [str(word) for word in command], env={**os.environ, **(environment or {})}, capture_output=True, text=True,
            timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"no end after {limit} s: {' '.join(map(str, command))}") from error
    if done.returncode != 0:
        message = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Failure(f"exit status {done.returncode} of {' '.join(map(str, command))}: {message[0]}")
    return done.stdout


def last_json(text):
    """The last line of `text` that is a JSON object."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise Failure(f"no JSON line in: {text.strip()[-200:]!r}")


def benchmark(model, batch_size, steps, configuration, precision):
    """One `lockstep benchmark`, of a model and its options: its JSON line."""
    arguments = ["benchmark", *model, "--json", "--batch-size", batch_size, "--steps", steps, "--precision", precision]
    if configuration == TWO_RANKS:
        return last_json(output(["env", "-u", "OMP_NUM_THREADS", LOCAL, 2, "--", *arguments]))
    return last_json(output([BINARY, *arguments], {"OMP_NUM_THREADS": "2"}))


def steps_for(model, batch_size, seconds, precision):
    """How many steps take about `seconds`, from a short trial."""
    trial = benchmark(model, batch_size, 3, TWO_RANKS, precision)
    return max(5, min(20_000, int(seconds * 1000 / max(trial["step_ms_median"], 1e-3))))
