"""SIGKILLs of ranks of a job that starts again by itself."""

import signal
import time

from .job import Job
from .table import Table


def restarts(bench, random, count):
    table = Table("restarts", ["killed", "ended by itself", "the undisturbed digest", "nothing left"])
    times = []
    for _ in range(count):
        kind = random.choice(["rank", "root", "everyone but the launcher"])
        folder = bench.new_folder()
        job = Job("local", 2, [*bench.arguments("short"), "--checkpoint", folder, "--snapshot-every", "10steps"], restarts=3)
        reached = job.wait_for(random.randint(1, bench.steps["short"] - 60))
        begin = time.monotonic()
        sent = reached and job.send(signal.SIGKILL, kind)
        # What the killed ranks had printed has arrived by then.
        time.sleep(0.5)
        job.steps.clear()
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
        table.remark("next step after a SIGKILL", f"{times[len(times) // 2]:.1f} s in the median, {times[-1]:.1f} s at most")
    return table
