"""How much of the communication between hosts a training hides: its step beside the computing and the bare allreduce."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import statistics

from Commands.support import ROOT

from . import gloo

SOURCE = pathlib.Path(__file__).with_name("allreduce.c")
# Open MPI's own, by number: what it chooses itself, recursive doubling, ring, segmented ring, Rabenseifner's.
ALGORITHMS = (0, 3, 4, 5, 6)
LIMIT = 600  # seconds that a measurement may take
STEP_SECONDS, SUM_SECONDS = 4.0, 0.4


@dataclasses.dataclass
class Row:
    """Milliseconds of a step: of one rank alone, of the bare sum of the gradients, and of all together."""

    model: str
    link: str
    executable: str
    batch: int
    computes: list = dataclasses.field(default_factory=list)
    bares: list = dataclasses.field(default_factory=list)
    steps: list = dataclasses.field(default_factory=list)
    gloo: list = dataclasses.field(default_factory=list)

    @property
    def cells(self):
        compute, bare, step = (statistics.median(times) for times in (self.computes, self.bares, self.steps))
        # What the step takes beyond its computing was not hidden; what is longer than backward can't be.
        hidden = 100 * (compute + bare - step) / max(min(bare, compute), 1e-9)
        bound = max(compute, bare) * 1.1 + 3
        return [self.model, self.link, self.executable, self.batch, f"{compute:.2f}", f"{bare:.2f}", f"{step:.2f}",
                f"{100 * compute / step:.0f} %", f"{max(0, min(100, hidden)):.0f} %",
                f"{bound:.1f} {'kept' if step <= bound else 'missed'}", *self.beside(step)]

    def beside(self, step):
        if not self.gloo:
            return []
        other = statistics.median(self.gloo)
        return [f"{other:.2f}", f"{other / step:.2f}"]


HEADINGS = ["model", "link", "executable", "batch", "compute ms", "bare ms", "step ms", "efficiency", "hidden", "bound ms"]


def speed(hosts, folder, models, rates, executables, rounds, python=None):
    """A table of all models (`NAME` or `NAME:BATCH`) on all links, each executable in turn."""
    bare = folder / "allreduce"
    subprocess.run(["mpicc", "-O2", "-o", bare, SOURCE], check=True)
    for rate in rates:
        hosts.shape(None if rate == "none" else rate)
        for model in models:
            name, _, batch = model.partition(":")
            size = ["--batch-size", batch] if batch else []
            rows = {path: Row(name, rate, str(path), 0) for path in executables}
            for _ in range(rounds):
                for path, row in rows.items():
                    measure(hosts, bare, path, row, size)
                    if python:
                        row.gloo.append(gloo.step_ms(hosts, python, folder, name, row.batch, STEP_SECONDS))
            for path, row in rows.items():
                if len(rows) == 1:
                    row.executable = path.name
                yield row


def measure(hosts, bare, path, row, size):
    """One round of one row."""
    trial = benchmark(hosts, path, row.model, [*size, "--steps", "3"])
    steps = str(max(5, min(400, int(1e3 * STEP_SECONDS / trial["step_ms_min"]))))
    row.batch = trial["batch_size"]
    row.steps.append(benchmark(hosts, path, row.model, [*size, "--steps", steps])["step_ms_median"])
    row.computes.append(compute(path, row.model, row.batch, len(hosts.names), steps))
    parameters = subprocess.run([path, "summary", row.model], check=True, capture_output=True, text=True).stdout
    count = int(re.search(r"^total\s.*?([0-9]+)$", parameters, re.MULTILINE)[1])
    row.bares.append(min(bare_ms(hosts, bare, 4 * count)))


def environment(hosts):
    """Idle ranks spin, as long as each has a core of its own."""
    given = hosts.environment()
    if len(hosts.names) <= len(os.sched_getaffinity(0)):
        del given["OMPI_MCA_mpi_yield_when_idle"]
    return given


def on_all(hosts, *command, environment):
    launcher = [ROOT / "launch" / "mpirun", "--hostfile", hosts.file, "-n", len(hosts.names)]
    done = subprocess.run(
        hosts.words(*launcher, *command), stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=LIMIT)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr.strip()}")
    return lines


def benchmark(hosts, path, model, arguments):
    return on_all(hosts, path, "benchmark", model, "--json", *arguments, environment=environment(hosts))[-1]


def compute(path, model, batch, ranks, steps):
    """The step of a rank without the others, all ranks at once as in the job: the slowest one's."""
    words = [path, "benchmark", model, "--json", "--steps", steps, "--batch-size", max(1, batch // ranks)]
    alone = [
        subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
        for _ in range(ranks)]
    return max(json.loads(process.communicate(timeout=LIMIT)[0])["step_ms_median"] for process in alone)


def bare_ms(hosts, bare, size):
    """Milliseconds of each way to sum so many bytes by Open MPI alone."""
    for algorithm in ALGORITHMS:
        chosen = {"OMPI_MCA_coll_tuned_use_dynamic_rules": "1", "OMPI_MCA_coll_tuned_allreduce_algorithm": str(algorithm)}
        line = on_all(hosts, bare, SUM_SECONDS, size, environment={**environment(hosts), **chosen})[0]
        del line["bytes"]
        yield from line.values()
