"""Jobs on several hosts that lose a rank, a host or a link, and start again."""

import os
import signal
import subprocess
import time
import unittest.mock

from .hosts import HostsTest
from .support import BINARY, ROOT, TIME_LIMIT, terminate

TRAIN = ["train", "mlp-dropout", "--batch-size", 50, "--reproducible", "--quiet", "--epochs", 100_000, "--steps"]


class Cluster(HostsTest):
    """Three hosts, as network namespaces."""

    count = 3

    def launch(self, name, steps, restarts=2, hosts=None, ranks=3):
        self.steps = self.folder / f"{name}.steps"
        words = self.hosts.words(
            ROOT / "launch" / "mpirun", "--max-restarts", restarts, "--hostfile", hosts or self.hosts.file, "-n", ranks, BINARY, *TRAIN,
            steps, "--data", self.data, "--verbose", "--checkpoint", self.folder / name, "--snapshot-every", "10steps")
        with open(self.steps, "wb") as output:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True, env=self.hosts.environment())
        self.addCleanup(self.kill, process)
        return process

    def kill(self, process):
        if process.poll() is None:
            terminate(process, 20)
        # Who lives on may have its other end.
        process.stderr.close()

    def wait_for(self, step, process):
        deadline = time.monotonic() + TIME_LIMIT
        while f"step {step} " not in self.steps.read_text():
            self.assertIsNone(process.poll(), f"it ended before step {step}")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def end(self, process, code=0):
        """What the job has said when it has ended, and nothing is left of it on any host that answers."""
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, code, errors)
        return errors.splitlines()

    def test_a_slow_link_is_no_lost_rank(self):
        """A sum that takes longer than ranks may be late: its bytes move all the time."""
        self.hosts.shape("2mbit")
        self.addCleanup(self.hosts.shape, None)
        two = self.folder / "two hosts"
        two.write_text("h1 slots=1\nh2 slots=1\n")
        with unittest.mock.patch.dict(os.environ, LOCKSTEP_TIMEOUT_SECONDS="2"):
            self.end(self.launch("slow", 1, restarts=0, hosts=two, ranks=2))
        self.assertIn("step 1 ", self.steps.read_text())

    def test_lost_ranks_and_hosts(self):
        """A rank, then a host: to the undisturbed digest on what is left. A host that has come back has nothing in memory, and
        is given the state."""
        process = self.launch("lost", 300, restarts=3)
        self.wait_for(40, process)
        os.kill(self.hosts.processes("h3", "lockstep")[0], signal.SIGKILL)
        self.wait_for(90, process)
        self.hosts.kill("h2")
        self.wait_for(150, process)
        self.hosts.mend("h2")
        os.kill(self.hosts.processes("h1", "lockstep")[0], signal.SIGKILL)
        said = self.end(process)
        # Where a rank was is looked at twice a second, and the first steps take less.
        again = r"lockstep: the job lost {} \(exit code {}\); rank 0 was (at step \d+|outside any collective|in \w+ #\d+).*; start {} of 3 again, {} ranks on {}"
        wanted = [("rank 2 on h3", 137, 1, 3, "h1 h2 h3"), ("(host h2|a rank)", "(205|75)", 2, 2, "h1 h3"),
                  ("rank 0 on h1", 137, 3, 3, "h1 h2 h3")]
        # Where the machine is busy, the ranks may notice a lost host before mpirun does.
        said = [line for line in said if not line.endswith("; aborting the job")]
        for line, what in zip(said, wanted, strict=True):
            self.assertRegex(line, f"^{again.format(*what)}$")
        self.succeed(*TRAIN, 300, "--data", self.data, "--checkpoint", self.folder / "undisturbed")
        self.assertEqual(self.digest("lost"), self.digest("undisturbed"))
        self.assertEqual([self.hosts.memory(name) for name in self.hosts.names], [[], [], []])

    def test_a_stopped_rank_of_another_host(self):
        """Is named with its host, long before it counts as late."""
        process = self.launch("stopped", 10**6, restarts=0)
        self.wait_for(100, process)  # a moment in which the hosts have heard of each other
        stopped = self.hosts.processes("h3", "lockstep")[0]
        os.kill(stopped, signal.SIGSTOP)
        said = self.end(process, 75)
        self.assertEqual(len(said), 1, said)
        self.assertRegex(said[0], r"^lockstep: rank 2 on h3 is stopped: last seen .*\(rank \d has waited .* at step \d+ in .*\); aborting the job$")
        self.assertEqual([self.hosts.memory(name) for name in self.hosts.names], [[], [], []])

    def test_a_signal_to_the_launcher(self):
        """Which need not be one of the hosts."""
        others = self.folder / "others"
        others.write_text("h2 slots=1 # of one core\n\nh3 slots=2\n")
        for name, hosts in (("here", None), ("elsewhere", others)):
            process = self.launch(name, 10**6, hosts=hosts)
            self.wait_for(30, process)
            process.terminate()
            said = self.end(process, 143)
            self.assertEqual(len(said), 1, said)
            self.assertIn("the state is saved in", said[0])
        self.assertEqual([self.hosts.memory(name) for name in self.hosts.names], [[], [], []])

    def test_a_cut_link(self):
        """Noticed within seconds; and what a killed launcher left on the other host goes with the next start."""
        process = self.launch("cut", 10**6)
        self.wait_for(30, process)
        self.hosts.cut("h2")
        self.assertIn("start 1 of 2 again, 2 ranks on h1 h3", process.stderr.readline())
        process.kill()
        process.communicate()
        deadline = time.monotonic() + 20
        while any(self.hosts.processes(name, program) for name in self.hosts.names for program in ("lockstep", "mpirun", "prterun")):
            self.assertLess(time.monotonic(), deadline, "somebody lives on")
            time.sleep(0.02)
        self.assertNotEqual(self.hosts.memory("h2"), [])
        self.hosts.mend("h2")
        process = self.launch("after", 3)
        self.assertEqual(self.end(process), [])
        self.assertEqual([self.hosts.memory(name) for name in self.hosts.names], [[], [], []])
