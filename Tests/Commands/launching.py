"""launch/cluster: what it finds out about hosts before a job starts on them."""

import os
import shlex
import shutil
import subprocess

from .hosts import HostsTest
from .support import BINARY, ROOT, TIME_LIMIT


class Launching(HostsTest):
    """Four hosts, as network namespaces."""

    count = 4

    def cluster(self, *words, **environment):
        done = subprocess.run(
            self.hosts.words(ROOT / "launch" / "cluster", *words), env={**self.hosts.environment(), **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIME_LIMIT)
        # A busy machine is told of, too.
        said = [line for line in done.stderr.splitlines() if not line.startswith("cluster: warning: ")]
        return done.returncode, said, done.stdout

    def refused(self, code, *words, mentions):
        """For each line of what is said, what it must mention."""
        found, said, _ = self.cluster(*words)
        self.assertEqual((found, len(said)), (code, len(mentions)), said)
        for line, mentioned in zip(said, mentions):
            self.assertTrue(line.startswith("cluster: "), line)
            for word in mentioned:
                self.assertIn(str(word), line)

    def another(self, name, script):
        """From now on that host is another one than the rest, until the test has ended."""
        path = self.hosts.folder / f"enter-{name}"
        path.write_text(script)
        self.addCleanup(path.unlink)

    def bound(self, name, path, over):
        self.another(name, f"mount --bind {shlex.quote(str(path))} {shlex.quote(str(over))}")

    def test_digests_on_two_and_four_hosts(self):
        train = ("train", "mlp-dropout", "--batch-size", 50, "--reproducible", "--quiet", "--steps", 20, "--data", self.data)
        self.succeed(*train, "--checkpoint", self.folder / "one")
        for count, hosts in ((2, "h1:1,h2:1"), (4, self.hosts.file)):
            code, said, _ = self.cluster(hosts, "--interface", "eth0", "--", *train, "--checkpoint", self.folder / f"{count}")
            self.assertEqual((code, said), (0, []))
            self.assertEqual(self.digest(f"{count}"), self.digest("one"))

    def test_hosts_that_are_well(self):
        code, said, output = self.cluster(self.hosts.file, "--check", "--", "train", "mlp", "--data", self.data)
        self.assertEqual((code, said), (0, []))
        self.assertIn("4 hosts are well: 4 ranks of 1 threads", output)

    def test_hosts_that_are_not_there(self):
        self.refused(75, "h1:1,h9:1", "--check", mentions=[["h9: does not answer"]])
        (self.hosts.folder / "down-h2").touch()
        self.addCleanup((self.hosts.folder / "down-h2").unlink)
        self.another("h3", "exit 3")
        self.refused(75, "h1:1,h3:1", "--check", mentions=[["h3: does not answer"]])

    def test_another_build(self):
        other = self.folder / "other"
        shutil.copy(BINARY, other)
        with open(other, "ab") as file:
            file.write(b"more")
        self.bound("h2", other, BINARY)
        self.refused(64, "h1:1,h2:1", "--check", mentions=[["h2: ", "another build than on h1"]])

    def test_other_libraries(self):
        folder = self.folder / "libraries"
        folder.mkdir()
        fake = folder / "ldd"
        fake.write_text("#!/bin/sh\necho \"libmpi.so.40 => /usr/lib/libmpi.so.40.99.9 (0x0)\"\n")
        fake.chmod(0o755)
        self.another("h3", f"PATH={folder}:$PATH")
        self.refused(64, "h1:1,h3:1", "--check", mentions=[["h3: has libmpi.so.40.99.9; h1 has libdnnl", "libhdf5"]])

    def test_another_clock(self):
        folder = self.folder / "clock"
        folder.mkdir()
        fake = folder / "date"
        fake.write_text("#!/bin/sh\nexec /bin/date -d '90 seconds ago' \"$@\"\n")
        fake.chmod(0o755)
        self.another("h2", f"PATH={folder}:$PATH")
        self.refused(64, "h1:1,h2:1", "--check", mentions=[["h2: its clock says", "within a second"]])

    def test_data_that_are_not_everywhere(self):
        data, empty = self.folder / "data", self.folder / "empty"
        for path in (data, empty):
            path.mkdir()
        shutil.copy(self.data, data / "small.h5")
        train = ("--check", "--", "train", "mlp", "--data", data / "small.h5")
        self.bound("h2", empty, data)
        self.refused(66, "h1:1,h2:1,h3:1", *train, mentions=[[f"h2: no {data}/small.h5"]])
        shutil.copy(self.data, empty / "small.h5")
        with open(empty / "small.h5", "ab") as file:
            file.write(b"more")
        self.refused(65, "h1:1,h2:1,h3:1", *train, mentions=[[f"h2: {data}/small.h5 is another file than on h1", "bytes"]])

    def test_nowhere_to_write(self):
        full = self.folder / "full"
        full.mkdir()
        self.another("h2", f"mount -t tmpfs -o size=1m none {full}")
        train = ("--check", "--", "train", "mlp", "--data", self.data, "--checkpoint", full / "run")
        self.refused(73, "h1:1,h2:1", *train, mentions=[["h2: ", "KB are left"]])

    def test_an_interface_that_does_not_exist(self):
        self.refused(64, "h1:1,h2:1", "--interface", "eth7", "--check", mentions=[
            ["h1: no interface eth7; it has eth0"], ["h2: no interface eth7; it has eth0"]])

    def test_wrong_usage(self):
        for words in ((), ("h1:1",), ("h1:1", "--"), ("h1:1", "--ranks", "0", "--", "doctor"), ("h1:1", "--what", "--", "doctor")):
            self.assertEqual(self.cluster(*words)[0], 64, words)
        for words in (("none", "--", "doctor"), ("h1:0,h2", "--", "doctor")):
            code, said, _ = self.cluster(*words)
            self.assertEqual((code, len(said)), (66, 1), said)
        self.assertIn("more than", "".join(self.cluster("h1:1", "--ranks", "2", "--", "doctor")[1]))

    def test_what_each_host_is_like(self):
        code, _, output = self.cluster("h1:1,h2:2", "--", "doctor")
        self.assertEqual(code, 0)
        for name, ranks in (("h1", "rank 0"), ("h2", "ranks 1 and 2")):
            self.assertRegex(output, rf"(?m)^  {name} +{ranks}, {os.cpu_count()} cores, not bound, 1 thread each, locks files")
        self.assertRegex(output, r"(?m)^use +launch/cluster h1:\d+,h2:\d+ -- train")
