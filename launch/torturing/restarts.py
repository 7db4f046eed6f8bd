"""SIGKILLs of ranks and hosts of a job that starts again by itself."""

import contextlib
import os
import signal
import tempfile
import time

from Commands.hosts import Hosts

from .job import Job
from .table import Table


def restarts(bench, random, count):
    """Each third on two hosts, where namespaces may stand for them."""
    table = Table("restarts", ["killed", "ended by itself", "the undisturbed digest", "nothing left"])
    times = {"a rank of one host": [], "a rank of two hosts": [], "one of two hosts": []}
    areHosts = Hosts.are_permitted()
    for number in range(count):
        isSpread = areHosts and number % 3 == 1
        folder = bench.new_folder()
        arguments = [*bench.arguments("short"), "--checkpoint", folder, "--snapshot-every", "10steps"]
        moment = random.randint(1, bench.steps["short"] - 60)
        if isSpread:
            kind = random.choice(["rank of this host", "rank of the other host", "the other host"])
            what = "one of two hosts" if kind == "the other host" else "a rank of two hosts"
            with two_hosts() as hosts:
                job = Job("hosts", 2, arguments, restarts=3, hosts=hosts)
                faults = disturbed(job, moment, lambda job: strike(hosts, kind), times[what])
                left = [str(path) for path in hosts.memory("h1") + hosts.memory("h2")]
        else:
            kind = random.choice(["rank", "root", "everyone but the launcher"])
            faults = disturbed(
                Job("local", 2, arguments, restarts=3), moment, lambda job: job.send(signal.SIGKILL, kind), times["a rank of one host"])
            left = []
        table.add(
            f"{kind}, {'two hosts' if isSpread else 'one host'}", **faults,
            the_undisturbed_digest=None if bench.digest(folder) == bench.undisturbed("short") else bench.digest(folder),
            nothing_left="; ".join(bench.leftovers(folder) + left) or None)
    for what, seconds in times.items():
        if seconds:
            seconds.sort()
            table.remark(
                f"next step after {what} was killed",
                f"{seconds[len(seconds) // 2]:.1f} s in the median, {seconds[-1]:.1f} s at most, of {len(seconds)}")
    if not areHosts:
        table.remark("two hosts", "not permitted here")
    return table


def disturbed(job, moment, kill, times):
    """Strikes a job, which then goes on to its end."""
    reached = job.wait_for(moment)
    begin = time.monotonic()
    sent = reached and kill(job)
    # What the killed ranks had printed has arrived by then.
    time.sleep(0.5)
    job.steps.clear()
    if job.wait_for(1):
        times.append(time.monotonic() - begin)
    code, alive = job.end()
    return {"killed": None if sent else "nobody",
            "ended_by_itself": None if code == 0 and not alive else f"exit code {code}, {alive}; {job.errors.strip()}"}


def strike(hosts, kind):
    if kind == "the other host":
        hosts.kill("h2")
        return True
    ranks = hosts.processes("h1" if kind == "rank of this host" else "h2", "lockstep")
    for rank in ranks:
        os.kill(rank, signal.SIGKILL)
    return ranks


@contextlib.contextmanager
def two_hosts():
    with tempfile.TemporaryDirectory(prefix="lockstep-hosts-") as folder:
        hosts = Hosts(folder, 2)
        try:
            hosts.up()
            yield hosts
        finally:
            hosts.down()
