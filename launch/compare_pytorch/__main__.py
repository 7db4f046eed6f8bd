"""launch/compare-pytorch: Lockstep and PyTorch in turn on the same two cores. See the script of that name."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import book
import generating
import gpt_recipe
import house
import loading
import lockstep
import logits
import memory
import onestep
from lockstep import Failure
from models import MODELS
from step import CONFIGURATIONS

HERE = pathlib.Path(__file__).resolve().parent
CORES = 2
TRIAL_SECONDS, ROUND_SECONDS = 0.7, 2.0
FINALISTS = 3  # PyTorch's configurations that go through all rounds: trials are short
BOOK = "book-lenet"
HOUSE = "house-prices"
LOADING = "loading"
GENERATE = "generate"
GPT_RECIPE = "gpt-recipe"
WHOLES = {  # whole programs, start-up included
    BOOK: book, HOUSE: house, LOADING: loading, GENERATE: generating, GPT_RECIPE: gpt_recipe,
}


def report(text):
    print(text, file=sys.stderr, flush=True)


def pytorch_step(name, precision, configuration, seconds):
    """PyTorch's times of a step in one configuration, each of its ranks in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, HERE / "step.py", name, precision, configuration, seconds]
        others = [
            subprocess.Popen(
                [str(word) for word in [*command, rank, f"{folder}/store"]], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            for rank in range(1, CONFIGURATIONS[configuration].ranks)
        ]
        try:
            return lockstep.last_json(lockstep.output([*command, 0, f"{folder}/store"]))
        finally:
            for process in others:
                process.kill()
                process.wait()


def finalists(name, precision):
    """The configurations of PyTorch that a short trial finds fastest, and every trial's milliseconds.

    The fastest step decides: in so short a time a busy neighbour can spoil the median of the best configuration.
    """
    trials = {}
    for configuration, settings in CONFIGURATIONS.items():
        if settings.channels_last and not MODELS[name].convolutional:
            continue
        try:
            trials[configuration] = pytorch_step(name, precision, configuration, TRIAL_SECONDS)["step_ms_min"]
            report(f"   trial   PyTorch {configuration}: {trials[configuration]:.3f} ms")
        except Failure as failure:
            report(f"   trial   PyTorch {configuration}: left out, {failure}")
    if not trials:
        raise Failure(f"PyTorch ran {name} in no configuration")
    return sorted(trials, key=trials.get)[:FINALISTS], trials


def options(name):
    """What `lockstep benchmark` calls a model: its name, and its sizes where the zoo's are others."""
    return getattr(MODELS[name], "options", [name])


def compare(name, rounds, precision):
    """Both sides of one model: the best median over all rounds of each side's best configuration."""
    model = MODELS[name]
    report(f"== {name}, batch {model.batch_size}, {precision}")
    chosen, trials = finalists(name, precision)
    steps = lockstep.steps_for(options(name), model.batch_size, ROUND_SECONDS, precision)
    ours = {configuration: [] for configuration in lockstep.CONFIGURATIONS}
    theirs = {configuration: [] for configuration in chosen}
    for number in range(1, rounds + 1):
        for configuration, results in ours.items():
            results.append(lockstep.benchmark(options(name), model.batch_size, steps, configuration, precision))
            report(f"   round {number} Lockstep {configuration}: {results[-1]['step_ms_median']:.3f} ms")
        for configuration, results in theirs.items():
            results.append(pytorch_step(name, precision, configuration, ROUND_SECONDS))
            report(f"   round {number} PyTorch {configuration}: {results[-1]['step_ms_median']:.3f} ms")
    return {
        "model": name, "batch_size": model.batch_size, "precision": precision, "unit": model.unit,
        "bar": model.half_bar if precision == "bf16" else model.bar, "pytorch_trials_ms": trials,
        "lockstep": best(ours, model), "pytorch": best(theirs, model),
    }


def best(results, model):
    """The fastest configuration, with every round's median milliseconds of all, and the memory of a rank of it."""
    times = {name: [result["step_ms_median"] for result in rounds] for name, rounds in results.items()}
    configuration = min(times, key=lambda name: min(times[name]))
    return {
        "configuration": configuration,
        "per_second": model.batch_size * model.per_example * 1000 / min(times[configuration]),
        "peak_memory_mb": max(result["peak_memory_mb"] for result in results[configuration]), "step_ms": times,
    }


def table(results):
    """The Markdown table of the README."""
    lines = [
        "| model (batch) | Lockstep, per second | PyTorch, per second | ratio | our goal | memory of a rank, MB |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        ours, theirs = result["lockstep"], result["pytorch"]
        ratio, bar = ours["per_second"] / theirs["per_second"], result["bar"]
        promise = "" if bar is None else f"{bar:g}× {'reached' if ratio >= bar else 'missed'}"
        name = result["model"] + (" bf16" if result["precision"] == "bf16" else "")
        lines.append(
            f"| {name} ({result['batch_size']}) "
            f"| {ours['per_second']:,.0f} {result['unit']} ({ours['configuration']}) "
            f"| {theirs['per_second']:,.0f} ({theirs['configuration']}) | {ratio:.2f}× | {promise} "
            f"| {ours['peak_memory_mb']:,.0f}, PyTorch {theirs['peak_memory_mb']:,.0f} |")
    return "\n".join(lines)


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would print its usage and exit with 2."""

    def error(self, message):
        raise Failure(message, status=64)


def check_names(names, known):
    for name in names:
        if name not in known:
            raise Failure(f"unknown model \"{name}\"; known: {', '.join(known)}", status=64)


def print_memory(models):
    print(memory.table(memory.compare(models, report)))
    return True


# What is compared beside speed: in a few words, and what says whether both are alike.
CHECKS = {
    "logits": (
        "A checkpoint in PyTorch gives the same logits.", lambda chosen: logits.compare(chosen.models, chosen.steps)),
    "step": ("One training step from the same start gives the same.", lambda chosen: onestep.compare(chosen.models)),
    "memory": ("The most memory of a training step, one thread each.", lambda chosen: print_memory(chosen.models)),
}


def check(name, words):
    """`logits MODEL…` and its like; the exit status."""
    description, run = CHECKS[name]
    parser = Parser(prog=f"compare-pytorch {name}", description=description)
    parser.add_argument("models", nargs="+", metavar="MODEL", help=", ".join(MODELS))
    if name == "logits":
        parser.add_argument("--steps", type=int, default=300, help="training steps before the comparison (default 300)")
    chosen = parser.parse_args(words)
    check_names(chosen.models, MODELS)
    if name == "logits" and not 1 <= chosen.steps <= 99_999_999:
        raise Failure(f"--steps {chosen.steps}: must be in 1…99999999", status=64)
    return 0 if run(chosen) else 1


def arguments():
    parser = Parser(prog="compare-pytorch", description="Lockstep and PyTorch on the same two cores.")
    parser.add_argument("models", nargs="+", metavar="MODEL", help=f"{', '.join([*MODELS, *WHOLES])}")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    parser.add_argument(
        "--precision", default="float32", choices=("float32", "bf16"), help="of training steps (default float32)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of both in turn, at least 3 (default 3)")
    chosen = parser.parse_args()
    check_names(chosen.models, [*MODELS, *WHOLES])
    if chosen.rounds < 3:
        raise Failure(f"--rounds {chosen.rounds}: at least 3 are needed", status=64)
    return chosen


def compare_speed(chosen):
    """Each model or program in turn; the exit status."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < CORES:
        raise Failure(f"{len(available)} core here, the comparison is made on {CORES}", status=1)
    os.sched_setaffinity(0, available[:CORES])  # inherited by every process of both sides
    load = os.getloadavg()[0]
    if load > CORES / 4:
        report(f"compare-pytorch: other programs keep this machine busy (load {load:.1f}): doubt the figures")
    started, results, texts = time.monotonic(), [], []
    for name in chosen.models:
        if name in WHOLES:
            results.append(WHOLES[name].compare(report))
            texts.append(WHOLES[name].table(results[-1]))
        else:
            results.append(compare(name, chosen.rounds, chosen.precision))
    steps = [result for result in results if result["model"] not in WHOLES]
    print("\n\n".join(([table(steps)] if steps else []) + texts))
    if chosen.json:
        pathlib.Path(chosen.json).write_text(json.dumps(results, indent=1) + "\n")
    report(f"compare-pytorch: done in {time.monotonic() - started:.0f} s")
    return 0


def main():
    try:
        words = sys.argv[1:]
        return check(words[0], words[1:]) if words and words[0] in CHECKS else compare_speed(arguments())
    except Failure as failure:
        report(f"compare-pytorch: {failure}")
        return failure.status


if __name__ == "__main__":
    sys.exit(main())
