"""SIGKILLs at random times: what was saved is whole, and goes on to the undisturbed digest."""

import signal
import time

from .job import LIMIT, Job
from .table import Table


def kills(bench, random, count):
    table = Table("kills", ["killed", "no process lives on", "nothing corrupt or left, resumed alike"])
    for number in range(count):
        isInSave = number % 3 == 2
        kind = random.choice(["rank", "root", "mpirun", "launcher", "everyone"])
        folder = bench.new_folder()
        job = Job("local", random.choice([1, 2]), [
            *bench.arguments("short", steps=1_000_000, every="3steps"), "--checkpoint", folder])
        wait(job, random, bench, folder if isInSave else None)
        sent = job.send(signal.SIGKILL, kind)
        if kind == "launcher":
            # Its mpirun is told to end, and its ranks save.
            time.sleep(0.1)
        _, alive = job.end()
        table.add(
            f"{kind}{', saving' if isInSave else ''}", killed=None if sent else f"nobody; {job.errors.strip()}",
            no_process_lives_on=f"{alive}" if alive else None,
            **{"nothing_corrupt_or_left,_resumed_alike": "; ".join(bench.faults_of(folder, "short")) or None})
    return table


def wait(job, random, bench, folder):
    """For a random moment; with a folder, one in which a file is being written there."""
    job.wait_for(random.randint(1, bench.steps["short"] - 60))
    time.sleep(random.uniform(0, 0.02))
    job.processes()
    deadline = time.monotonic() + LIMIT
    while folder and not list(folder.glob(".*unfinished")) and time.monotonic() < deadline:
        pass


def restarts(bench, random, count):
    table = Table("restarts", ["killed", "ended by itself", "the undisturbed digest", "nothing left"])
    times = []
    for _ in range(count):
        kind = random.choice(["rank", "root", "everyone but the launcher"])
        folder = bench.new_folder()
        job = Job("local", 2, [*bench.arguments("short"), "--checkpoint", folder, "--snapshot-every", "10steps"], restarts=3)
        job.wait_for(random.randint(1, bench.steps["short"] - 60))
        job.steps.clear()
        begin = time.monotonic()
        sent = job.send(signal.SIGKILL, kind)
        if job.wait_for(1):
            times.append(time.monotonic() - begin)
        code, alive = job.end()
        table.add(
            kind, killed=None if sent else "nobody",
            ended_by_itself=None if code == 0 and not alive else f"exit code {code}, {alive}; {job.errors.strip()}",
            the_undisturbed_digest=None if bench.digest(folder) == bench.undisturbed("short") else bench.digest(folder),
            nothing_left="; ".join(bench.leftovers(folder)) or None)
    if times:
        times.sort()
        table.notes.append(f"next step after a SIGKILL: median {times[len(times) // 2]:.1f} s, longest {times[-1]:.1f} s")
    return table
