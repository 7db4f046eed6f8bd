"""Jobs that are stopped, killed or put together wrongly."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

from .support import AT_ONCE, BINARY, ROOT, TIME_LIMIT, CommandTest, small_dataset


class Jobs(CommandTest):
    """Ranks that are stopped, killed, or not like the others."""

    def start(self, *arguments, ranks=None, hasBegun=None):
        """Starts a training that would last for hours; returns once it has begun, or saved twice."""
        folder = self.folder / arguments[0]
        words = [BINARY] if ranks is None else [ROOT / "launch" / "local", ranks, "--"]
        words += ["train", "mlp-dropout", "--data", self.data, "--batch-size", 50, "--checkpoint", folder, "--quiet"]
        process = subprocess.Popen(
            [str(word) for word in [*words, *arguments[1:]]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        deadline = time.monotonic() + TIME_LIMIT
        while not hasBegun() if hasBegun else len(list(folder.glob("*.h5"))) < 2:
            self.assertLess(time.monotonic(), deadline, "nothing was saved")
            self.assertIsNone(process.poll(), "it ended early")
            time.sleep(0.01)
        return process, folder

    def end(self, process):
        """After a test that failed before its job ended. mpirun takes its ranks along only when it is asked to end."""
        if process.poll() is not None:
            return
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def ranks_of(self, process):
        """The processes of the job's ranks: somewhere below the launcher."""
        return [child for child in self.processes_below(process.pid) if self.program_of(child) == str(BINARY.resolve())]

    def program_of(self, child):
        try:
            return os.readlink(f"/proc/{child}/exe")
        except OSError:  # The launcher's own helpers come and go.
            return None

    def processes_below(self, parent):
        try:
            children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            return
        for child in map(int, children):
            yield child
            yield from self.processes_below(child)

    def assert_resumes(self, folder, ranks=None):
        """What was saved goes on to the end of an undisturbed run, bit for bit."""
        saved = int(re.search("step ([0-9]+)", self.succeed("inspect", folder)).group(1))
        train = ("train", "mlp-dropout", "--data", self.data, "--batch-size", 50, "--quiet", "--steps", saved + 20)
        self.succeed(*train, "--checkpoint", folder, "--resume", folder, ranks=ranks)
        self.succeed(*train, "--epochs", 100_000, "--checkpoint", self.folder / f"{folder.name}-whole", ranks=ranks)
        self.assertEqual(self.digest(folder.name), self.digest(f"{folder.name}-whole"))

    def test_signals_to_a_process(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
            process, folder = self.start(f"alone-{code}", "--epochs", 100_000)
            # A process group and a launcher may both pass it on: no reason not to save.
            process.send_signal(number)
            time.sleep(0.005)
            process.send_signal(number)
            _, errors = process.communicate(timeout=TIME_LIMIT)
            self.assertEqual(process.returncode, code, errors)
            self.assertRegex(errors, rf"^lockstep: interrupted after step [0-9]+; the state is saved in {folder}\n$")
            self.assert_resumes(folder)

    def test_no_thread_runs_a_handler(self):
        """oneDNN's kernels borrow the stack pointer: a handler's frame would overwrite the heap."""
        stops = sum(1 << (number - 1) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        process, _ = self.start("masks", "--epochs", 100_000)
        texts = []
        for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # A loader's thread may just have ended.
                texts.append((task / "status").read_text())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIME_LIMIT)
        # The kernel lets them through to the one thread that waits for them.
        blocked = sorted(int(re.search(r"SigBlk:\t(\w+)", text).group(1), 16) & stops for text in texts)
        self.assertEqual(blocked, [0] + [stops] * (len(texts) - 1))

    def test_a_signal_to_one_rank(self):
        process, folder = self.start("one-rank", "--epochs", 100_000, ranks=2)
        os.kill(self.ranks_of(process)[-1], signal.SIGTERM)
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 143)
        self.assertEqual(len(errors.splitlines()), 1, errors)
        self.assertIn("the state is saved in", errors)
        self.assert_resumes(folder, ranks=2)

    def test_a_signal_to_the_launcher(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
            process, folder = self.start(f"all-ranks-{code}", "--epochs", 100_000, ranks=2)
            process.send_signal(number)
            _, errors = process.communicate(timeout=TIME_LIMIT)
            self.assertEqual(process.returncode, code, errors)
            self.assertEqual(len(errors.splitlines()), 1, errors)
        self.assert_resumes(folder, ranks=2)

    def test_mpirun_that_is_killed(self):
        """Its ranks have a second left, and use it. What they say nobody passes on."""
        metrics = self.folder / "no-mpirun.jsonl"
        process, folder = self.start(
            "no-mpirun", "--epochs", 100_000, "--checkpoint-every", "100000epochs", "--metrics", metrics, ranks=2,
            hasBegun=lambda: metrics.exists() and metrics.read_text())
        ranks = self.ranks_of(process)
        mpirun = [child for child in self.processes_below(process.pid)
                  if pathlib.Path(f"/proc/{child}/comm").read_text() in ("mpirun\n", "prterun\n")]
        os.kill(mpirun[0], signal.SIGKILL)
        process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 137)
        deadline = time.monotonic() + 20
        while any(pathlib.Path(f"/proc/{rank}").exists() for rank in ranks):
            self.assertLess(time.monotonic(), deadline, "a rank lives on")
            time.sleep(0.01)
        self.assertEqual(len(list(folder.iterdir())), 1)
        self.assert_resumes(folder, ranks=2)

    def test_a_signal_in_a_long_step(self):
        """mpirun kills its ranks a second after it passed a signal on. What the step began with is saved until then."""
        version = subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout
        if "(Open MPI) 4." not in version:
            self.skipTest("Open MPI 5's mpirun ends its ranks at once; launch/mpirun doesn't")
        data, folder = self.folder / "large.h5", self.folder / "long-step"
        small_dataset(data, images=60_000)
        words = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", 2, BINARY, "train", "lenet", "--data", data,
                 "--batch-size", 60_000, "--epochs", 100, "--checkpoint", folder, "--checkpoint-every", "1000steps", "--verbose",
                 "--quiet"]
        words[1:1] = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.addCleanup(self.end, process)
        self.assertIn("step 1 rank", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIME_LIMIT)
        self.assertNotEqual(process.returncode, 0)
        self.assertTrue(list(folder.glob("*.h5")), "nothing was saved")

    def test_output_that_nobody_reads_any_more(self):
        """`lockstep train … | head -1`: the training goes on to its end and is saved."""
        folder = self.folder / "head"
        train = ["train", "mlp", "--data", self.data, "--epochs", 30, "--checkpoint", folder]
        words = " ".join(f"'{word}'" for word in [BINARY, *train])
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {words} | head -1"], capture_output=True, text=True, timeout=TIME_LIMIT)
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertRegex(done.stderr, "^lockstep: standard output: writing failed: Broken pipe\n$")
        self.assertIn("epoch 30,", self.succeed("inspect", folder))

    def test_a_command_that_a_queue_starts_again(self):
        """--resume auto begins where nothing is saved yet, and goes on where something is: on any number of ranks."""
        words = ["train", "mlp-dropout", "--data", self.data, "--batch-size", 50, "--quiet", "--reproducible"]
        for ranks, steps in ((2, 3), (None, 7), (2, 9)):
            self.succeed(*words, "--checkpoint", self.folder / "queued", "--resume", "auto", "--steps", steps, ranks=ranks)
        self.succeed(*words, "--checkpoint", self.folder / "at once", "--steps", 9)
        self.assertEqual(self.digest("queued"), self.digest("at once"))
        self.refuse(64, *words, "--resume", "auto", mentions=["--checkpoint"])

    def test_hangups_that_are_ignored(self):
        """nohup; also where a library of MPI's has a use of its own for SIGHUP."""
        folder = self.folder / "nohup"
        process = subprocess.Popen(
            ["nohup", BINARY, "train", "mlp", "--data", self.data, "--epochs", "300", "--quiet", "--checkpoint", folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not list(folder.glob("*.h5")):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 0)

    def test_a_killed_rank_ends_the_job(self):
        process, folder = self.start("killed", "--epochs", 100_000, "--checkpoint-every", "3steps", ranks=2)
        ranks = self.ranks_of(process)
        self.assertEqual(len(ranks), 2)
        begin = time.monotonic()
        os.kill(ranks[1], signal.SIGKILL)
        process.communicate(timeout=TIME_LIMIT)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertNotEqual(process.returncode, 0)
        while any(pathlib.Path(f"/proc/{rank}").exists() for rank in ranks):
            self.assertLess(time.monotonic() - begin, 5, "a rank lives on")
            time.sleep(0.01)
        self.assert_resumes(folder, ranks=2)

    def restarting(self, name, *arguments, restarts=2, data=None, memory=None):
        memory = self.folder / f"{memory or name}-memory"
        memory.mkdir(exist_ok=True)
        words = [ROOT / "launch" / "local", 2, "--max-restarts", restarts, "--", "train", "mlp-dropout", "--data", data or self.data,
                 "--batch-size", 50, "--reproducible", "--quiet", "--checkpoint", self.folder / name, *arguments]
        process = subprocess.Popen(
            [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "LOCKSTEP_SHM": str(memory)})
        self.addCleanup(self.end, process)
        return process

    def test_a_job_that_lost_a_rank_starts_again(self):
        """From the last state in memory, to the digest of an undisturbed run; the memory is given back."""
        process = self.restarting(
            "again", "--epochs", 100, "--steps", 900, "--snapshot-every", "7steps", "--checkpoint-every", "50steps",
            "--metrics", self.folder / "again.jsonl")
        deadline = time.monotonic() + TIME_LIMIT
        for number in (1, 2):
            while len(list((self.folder / "again").glob("*.h5"))) < 3 * number - 1 or len(self.ranks_of(process)) < 2:
                self.assertIsNone(process.poll(), "it ended early")
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            os.kill(self.ranks_of(process)[-number], signal.SIGKILL)
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 0, errors)
        self.assertEqual(errors.count("again"), 2, errors)
        self.succeed("train", "mlp-dropout", "--data", self.data, "--batch-size", 50, "--reproducible", "--quiet",
                     "--epochs", 100, "--steps", 900, "--checkpoint", self.folder / "never-lost", "--metrics", self.folder / "never-lost.jsonl")
        self.assertEqual(self.digest("again"), self.digest("never-lost"))
        epochs = [[json.loads(line)["epoch"] for line in (self.folder / f"{name}.jsonl").read_text().splitlines()]
                  for name in ("again", "never-lost")]
        self.assertEqual(*epochs)
        self.assertEqual(list((self.folder / "again-memory").iterdir()), [])

    def test_a_job_gives_up(self):
        """After so many starts; and at once after an error that would only come again, or a signal."""
        process = self.restarting("given-up", "--epochs", 100_000, restarts=1)
        killed, deadline = 0, time.monotonic() + TIME_LIMIT
        while process.poll() is None:
            self.assertLess(time.monotonic(), deadline)
            if (self.folder / "given-up").exists() and (ranks := self.ranks_of(process)):
                os.kill(ranks[-1], signal.SIGKILL)
                killed += 1
                while process.poll() is None and pathlib.Path(f"/proc/{ranks[-1]}").exists():
                    time.sleep(0.01)
            time.sleep(0.05)
        _, errors = process.communicate()
        self.assertEqual((process.returncode, errors.count("start 1 of 1 again")), (137, 1), errors)
        self.assertGreaterEqual(killed, 2)
        process = self.restarting("wrong", "--steps", 3, data=self.folder / "none.h5")
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual((process.returncode, len(errors.splitlines())), (66, 1), errors)
        process = self.restarting("stopped", "--epochs", 100_000)
        deadline = time.monotonic() + TIME_LIMIT
        while not list(self.folder.glob("stopped/*.h5")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual((process.returncode, len(errors.splitlines())), (143, 1), errors)

    def test_memory_of_a_killed_launcher(self):
        """It goes when the next job starts; that of a job that lives stays."""
        memory, deadline = self.folder / "left-memory", time.monotonic() + TIME_LIMIT
        killed = self.restarting("left", "--epochs", 100_000)
        while len(ranks := self.ranks_of(killed)) < 2 or not list(memory.glob("*/state/*.h5")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        killed.kill()
        killed.communicate()
        while any(pathlib.Path(f"/proc/{rank}").exists() for rank in ranks):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        left = list(memory.iterdir())
        self.assertEqual(len(left), 1)
        living = self.restarting("living", "--epochs", 100_000, memory="left")
        while not list(self.folder.glob("living/*.h5")):
            self.assertIsNone(living.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        kept = list(memory.iterdir())
        self.assertEqual(len(kept), 1)
        self.assertNotEqual(kept, left)
        other = self.restarting("other", "--steps", 3, memory="left")
        other.communicate(timeout=TIME_LIMIT)
        self.assertEqual((other.returncode, list(memory.iterdir())), (0, kept))
        living.terminate()
        living.communicate(timeout=TIME_LIMIT)
        self.assertEqual((living.returncode, list(memory.iterdir())), (143, []))

    def test_ranks_that_are_not_alike(self):
        """Two ranks with other arguments each: refused in one line, whichever is wrong."""
        other = self.folder / "other.h5"
        small_dataset(other, seed=1)
        self.train("mlp", "mlp", "--steps", 1)
        train = ["train", "mlp", "--data", self.data, "--steps", 3, "--quiet"]
        cases = (
            (train[:3] + [self.folder / "none.h5"], 66, ["rank", "none.h5: no such file"]),
            (train[:3] + [other], 64, ["training data"]),
            (train + ["--seed", 5], 64, ["seed is", "0 on rank", "5 on rank"]),
            (["train", "lenet", *train[2:]], 64, ["model is", "mlp on rank", "lenet on rank"]),
            (train + ["--epoch", 5], 64, ["--epochs"]),
            (["evaluate", self.folder / "mlp", "--data", self.data], 64, ["train of", "evaluate of"]))
        for wrong, code, words in cases:
            for first, second in ((train, wrong), (wrong, train)):
                done = self.unlike_ranks(first, second)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
                for word in words:
                    self.assertIn(word, done.stderr)

    def test_settings_that_are_not_alike(self):
        """Ranks without those of rank 0 take them, as on other hosts of plain mpirun; others are refused."""
        train, setting = ["train", "mlp", "--data", self.data, "--steps", 3, "--quiet"], "LOCKSTEP_TIMEOUT_SECONDS"
        self.assertEqual(self.unlike_ranks(train, train, settings=(f"{setting}=20", "")).returncode, 0)
        for settings, words in (((f"{setting}=20", f"{setting}=40"), ["20", "on rank 0", "40", "on rank 1"]),
                                (("", f"{setting}=40"), ["40", "on rank 1"])):
            done = self.unlike_ranks(train, train, settings=settings)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (64, 1), done.stderr)
            for word in [setting, *words]:
                self.assertIn(word, done.stderr)

    def unlike_ranks(self, first, second, settings=("", "")):
        """Rank 0 runs the command with the first arguments (and settings of its environment), rank 1 with the second."""
        own, other = (shlex.join(str(word) for word in (BINARY, *arguments)) for arguments in (first, second))
        choice = f'if [ "$OMPI_COMM_WORLD_RANK" = 0 ]; then exec env {settings[0]} {own}; else exec env {settings[1]} {other}; fi'
        words = [ROOT / "launch" / "mpirun", "-n", 2, "sh", "-c", choice]
        return subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, timeout=TIME_LIMIT,
            env={**os.environ, **AT_ONCE, "OMP_NUM_THREADS": "1"})
