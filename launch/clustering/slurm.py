"""A SLURM on hosts of ours, and jobs of it that are pre-empted, put back into the queue and told to end at random."""

import os
import pathlib
import random as randomness
import re
import shutil
import subprocess
import threading
import time

from torturing.table import Table

from Commands.support import ROOT, terminate

from .trainings import LIMIT, Bench, several_hosts

CONFIGURATION = """ClusterName=lockstep
SlurmctldHost=h1(10.77.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/controller.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=30
MinJobAge=3600
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=0,sched_min_interval=10000,sched_interval=1,bf_interval=1
NodeName={nodes} CPUs=16 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 State=UP
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 State=UP
TmpFS={folder}/tmp.%n
"""
# Enters a host with its name, its memory and its munge daemon's socket. `ip netns exec` would hide /sys, which slurmd needs.
ENTER = """mount --bind {hosts}/known /etc/hosts && mount --bind {hosts}/memory-"$0" /dev/shm &&
mount --bind {folder}/munge-"$0" {folder}/munge && hostname "$0" && exec "$@" """
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")


class Slurm:
    """Runs on all hosts; the first has the controller."""

    def __init__(self, hosts):
        self.hosts, self.folder, self.daemons = hosts, hosts.folder / "slurm", []
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), "OMPI_MCA_mpi_yield_when_idle": "1"}

    @staticmethod
    def is_there():
        return all(shutil.which(program) for program in PROGRAMS)

    def words(self, name, *command):
        enter = ENTER.format(hosts=self.hosts.folder, folder=self.folder)
        return ["nsenter", f"--net=/run/netns/{self.hosts.prefix}{name}", "unshare", "--uts", "--mount", "bash", "-c", enter, name,
                *map(str, command)]

    def run(self, *command):
        """What a command on the first host prints."""
        done = subprocess.run(
            self.words(self.hosts.names[0], *command), env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=LIMIT)
        return done.stdout.strip()

    def up(self):
        names = self.hosts.names
        for folder in ["state", "munge", *(f"{kind}{name}" for kind in ("munge-", "spool.", "tmp.") for name in names)]:
            (self.folder / folder).mkdir(parents=True)
        (self.hosts.folder / "known").write_text(self.hosts.known)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(folder=self.folder, nodes=f"h[1-{len(names)}]"))
        key = os.urandom(128)
        for name in names:
            own = self.folder / f"munge-{name}"
            (own / "key").write_bytes(key)
            (own / "key").chmod(0o600)
            files = [f"--{kind}-file={own / kind}" for kind in ("key", "pid", "log", "seed")]
            self.start(name, "munged", "--foreground", "--force", f"--socket={self.folder}/munge/socket", *files)
        self.wait(lambda: all((self.folder / f"munge-{name}" / "socket").exists() for name in names), "munge")
        self.start(names[0], "slurmctld", "-D", "-c")
        for name in names:
            self.start(name, "slurmd", "-D", "-N", name)
        self.wait(lambda: self.run("sinfo", "--noheader", "--format=%T %D") == f"idle {len(names)}", "its nodes")

    def start(self, name, *command):
        self.daemons.append(subprocess.Popen(
            self.words(name, *command), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL))

    def down(self):
        self.run("scancel", "--user=root")
        try:
            self.wait(lambda: not self.run("squeue", "--noheader"), "its queue to empty")
        finally:
            for daemon in reversed(self.daemons):
                terminate(daemon, 5)

    def wait(self, isReached, what):
        deadline = time.monotonic() + LIMIT
        while not (reached := isReached()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"SLURM: waited for {what}")
            time.sleep(0.1)
        return reached


class Batch:
    """A training by launch/slurm.sbatch on one node or two."""

    def __init__(self, slurm, bench, *options, steps=None):
        self.slurm, self.folder = slurm, bench.new_folder()
        self.log = self.folder.with_suffix(".log")
        arguments = [*bench.arguments(self.folder), "--resume", "auto"]
        self.number = slurm.run(
            "sbatch", "--parsable", "--nodes=1-2", "--ntasks-per-node=1", "--cpus-per-task=1", f"--output={self.log}", *options,
            ROOT / "launch" / "slurm.sbatch", *arguments)
        if not self.number.isdigit():
            raise RuntimeError("sbatch gave no number")

    @property
    def state(self):
        return self.field("JobState")

    def field(self, name):
        return re.search(rf"\b{name}=(\S*)", self.slurm.run("scontrol", "show", "job", self.number) + f" {name}= ")[1]

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_until(self, *states):
        return self.slurm.wait(lambda: (state := self.state) in states and state, f"job {self.number} to be {' or '.join(states)}")

    def runs(self):
        """Until it runs, and has done a step of this start; False if it has ended."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
        if self.wait_until("RUNNING", *ended) in ended:
            return False
        done = self.text().count("step ")
        self.slurm.wait(lambda: self.text().count("step ") > done or self.state in ended, "a step")
        return self.state not in ended


def disturb(slurm, batch, kind, random):
    if kind == "requeue":
        slurm.run("scontrol", "requeue", batch.number)
    elif kind == "pre-emption":
        slurm.run("sbatch", "--partition=urgent", f"--nodes={random.randint(1, 2)}", "--exclusive", "--output=/dev/null", "--wrap", "sleep 0.2")
    else:
        for _ in range(2 if kind == "TERM twice" else 1):
            slurm.run("scancel", "--signal=TERM", batch.number)
    # It may be given another number of nodes while it waits; one that still ran would lose what it has there.
    time.sleep(1)
    if batch.state == "PENDING":
        slurm.run("scontrol", "update", f"JobId={batch.number}", f"NumNodes={random.choice(['1', '2', '1-2'])}")


KINDS = ("requeue", "pre-emption", "TERM", "TERM twice")


def queue(folder, count, seed, jobs=4):
    """So many starts again of trainings, several at once, to the digest of one that nobody disturbs."""
    table = Table("SLURM", ["completed", "the undisturbed digest", "nothing computed twice"])
    bench, restarts, nodes, lock = Bench(folder, steps=1500), [0], set(), threading.Lock()
    wanted = bench.undisturbed

    def stream(number):
        random = randomness.Random(f"{seed} {number}")
        while restarts[0] < count:
            with lock:
                batch = Batch(slurm, bench)
            kinds = []
            while batch.runs():
                nodes.add(batch.field("NumNodes"))
                time.sleep(random.uniform(0, 2))
                kinds.append(random.choice(KINDS))
                disturb(slurm, batch, kinds[-1], random)
            with lock:
                restarts[0] += int(batch.field("Restarts") or 0)
                judge(table, batch, bench, wanted, ", ".join(kinds))
                print(f"job {batch.number}: {batch.field('Restarts')} starts again, {restarts[0]} of {count}", flush=True)

    with several_hosts(2) as hosts:
        slurm = Slurm(hosts)
        try:
            slurm.up()
            threads = [threading.Thread(target=stream, args=(number,), daemon=True) for number in range(jobs)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            limited(slurm, bench, table, wanted)
            killed(slurm, bench, table)
        finally:
            slurm.down()
    table.remark("starts again", f"{restarts[0]}, on {' and '.join(sorted(nodes))} nodes")
    return table


def judge(table, batch, bench, wanted, case):
    steps = [int(step) for step in re.findall("^step ([0-9]+) rank 0", batch.text(), re.MULTILINE)]
    again = len(steps) - len(set(steps))
    digest = bench.digest(batch.folder)
    table.add(
        f"job {batch.number}: {case}", completed=None if batch.state == "COMPLETED" else f"{batch.state}: {batch.text()[-500:]}",
        the_undisturbed_digest=None if digest == wanted else digest,
        nothing_computed_twice=None if again == 0 else f"{again} steps")


def limited(slurm, bench, table, wanted):
    """A job that reaches its time limit: saved a minute before, and queued again until it is done."""
    slow = Bench(bench.folder / "slow", steps=10**6)
    slow.data = bench.data
    batch = Batch(slurm, slow, "--time=2")
    slurm.wait(lambda: int(batch.field("Restarts") or 0) > 0, "the time limit")
    text = batch.text()
    slurm.run("scancel", batch.number)
    table.remark("at its time limit", "saved, and queued again" if "the state is saved in" in text else f"not saved: {text[-500:]}")


def killed(slurm, bench, table):
    """A rank is lost: the job ends long before KillWait is over."""
    batch = Batch(slurm, Bench(bench.folder / "killed", steps=10**6), "--nodes=2")
    batch.runs()
    begin = time.monotonic()
    os.kill(slurm.hosts.processes("h2", "lockstep")[0], 9)
    slurm.wait(lambda: batch.state not in ("RUNNING", "COMPLETING"), "its end")
    table.remark("a killed rank", f"{batch.state} after {time.monotonic() - begin:.1f} s")
