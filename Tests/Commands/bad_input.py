"""Input that is wrong."""

import gzip

import h5py
import numpy

from .support import FASHION_MNIST, CommandTest, small_dataset


class BadInput(CommandTest):
    """Each is one clear line, the right exit code, and no output that is half there."""

    def test_wrong_usage(self):
        data = ("--data", self.data)
        self.refuse_everywhere(64, "train", "lenett", *data, mentions=["'lenett'", "'lenet'"])
        self.refuse_everywhere(64, "train", "lenet", *data, "--epoch", 1, mentions=["'--epoch'", "'--epochs'"])
        self.refuse_everywhere(64, "trian", "lenet", *data, mentions=["'trian'", "'train'"])
        self.refuse_everywhere(64, "train", "mlp", *data, "--batch-size", 0, mentions=["batch-size is 0", "at least 1"])
        self.refuse_everywhere(64, "train", "mlp", *data, "--epochs", 1, "--epochs=2", mentions=["'--epochs'", "twice"])
        for size in (1, 43):  # of 603 samples, the last step would have one
            self.refuse_everywhere(
                64, "train", "lenet-bn", *data, "--batch-size", size, mentions=[f"batch-size is {size}", "1 sample"])
        self.refuse(64, "train", "mlp", mentions=["--data"])
        for option, value in (("batch-size", -5), ("epochs", -1), ("learning-rate", "nan"), ("momentum", 1.5)):
            self.refuse(64, "train", "mlp", *data, f"--{option}", value, mentions=[f"{option} is {value}"])
        self.refuse(64, "train", "mlp", *data, "--epochs", "ten", mentions=["'ten'", "--epochs"])
        self.refuse(64, "train", "mlp", *data, "--optimizer", "sdg", mentions=["'sdg'", "sgd, adam"])
        self.refuse(64, "train", "mlp", *data, "--plot", self.folder / "x.pdf", mentions=[".svg"])
        self.refuse(64, "benchmark", "lenet", "--batch-size", 10**9, mentions=["batch-size is 1000000000"])
        self.refuse(64, "summary", "lenet", "--input-shape", "1,1,5,5", mentions=["layer 3"])

    def test_configuration_files(self):
        config = self.folder / "bad.yaml"
        for text, code, word in (
            ("lerning-rate: 1\n", 64, "'--learning-rate'"), ("epochs: [1\n", 64, "is no YAML"),
            ("epochs: [1, 2]\n", 64, "epochs"), ("- epochs\n", 64, "option: value"), ("epochs: 1\nepochs: 2\n", 64, "epochs"),
            ("batch-size: 0\n", 64, "batch-size is 0")):
            config.write_text(text)
            self.refuse_everywhere(code, "train", "mlp", "--data", self.data, "--config", config, mentions=[word])
        self.refuse_everywhere(66, "train", "mlp", "--data", self.data, "--config", "none.yaml", mentions=["none.yaml"])

    def test_bad_data(self):
        def refuse(code, path, *words):
            self.refuse_everywhere(code, "train", "mlp", "--data", path, mentions=[path, *words])
            self.refuse(code, "evaluate", self.folder / "good", "--data", path, mentions=[path, *words])

        self.train("mlp", "good", "--steps", 1)
        refuse(66, self.folder / "missing.h5", "no such file")
        refuse(66, self.folder, "is a folder")
        text, other, wide, cut, empty = (self.folder / f"{name}.h5" for name in ("text", "other", "wide", "cut", "empty"))
        text.write_text("no HDF5 here\n")
        refuse(65, text, "is no HDF5 file")
        with h5py.File(other, "w") as file:
            file["numbers"] = numpy.arange(3)
        refuse(65, other, "no Lockstep dataset")
        small_dataset(wide, images=20, tests=10, size=32)
        self.refuse_everywhere(65, "train", "lenet", "--data", wide, mentions=[wide, "1×32×32", "1×28×28"])
        self.refuse(65, "evaluate", self.folder / "good", "--data", wide, mentions=[wide, "[1, 32, 32]"])
        cut.write_bytes(self.data.read_bytes()[:100_000])
        refuse(65, cut)
        empty.write_bytes(b"")
        refuse(65, empty, "is no HDF5 file")
        refuse(65, self.newest("good"), "is a checkpoint, not a dataset")
        self.refuse(65, "evaluate", self.folder / "good", "--data", self.data, "--split", "valid", mentions=["valid"])

    def test_bad_labels_and_pixels(self):
        changed = self.folder / "changed.h5"
        for position, value, words in ((17, 10, ["row 17", "found 10"]), (5, -1, ["row 5", "found -1"])):
            small_dataset(changed, images=30, tests=10)
            with h5py.File(changed, "a") as file:
                file["train/labels"][position] = value
            self.refuse_everywhere(65, "train", "mlp", "--data", changed, mentions=[changed, *words])
        damaged = bytearray(self.data.read_bytes())
        with h5py.File(self.data) as file:
            place = file["train/images"].id.get_chunk_info(0).byte_offset
        damaged[place + 100] ^= 1
        changed.write_bytes(damaged)
        self.refuse_everywhere(65, "train", "mlp", "--data", changed, mentions=[changed, "/train/images"])

    def test_bad_sources(self):
        source = self.folder / "source"
        source.mkdir()
        for path in FASHION_MNIST.glob("*.gz"):
            (source / path.name).symlink_to(path)
        labels = source / "train-labels-idx1-ubyte.gz"
        whole = labels.read_bytes()
        plain = gzip.decompress(whole)
        output = self.folder / "never.h5"
        fewer = plain[:4] + (59999).to_bytes(4, "big") + plain[8:-1]
        for broken, word in (
            (whole[:1000], "truncated"), (b"plain text", "IDX"), (gzip.compress(b"plain text"), "IDX"), (b"", "IDX"),
            (gzip.compress(b"\x00\x00\x08\x05" + plain[4:]), "overflows"),
            (whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:], labels), (gzip.compress(fewer), "59999"),
            (gzip.compress(plain[:-1]), labels), (gzip.compress(plain + b"0"), labels),
            (gzip.compress(plain[:100] + b"\x0a" + plain[101:]), "row 92"),
            ((source / "t10k-labels-idx1-ubyte.gz").read_bytes(), "10000")):
            labels.unlink()
            labels.write_bytes(broken)
            self.refuse(65, "convert", "fashion-mnist", "--source", source, "--output", output, mentions=[word])
            self.assertFalse(output.exists())
        self.refuse_everywhere(66, "convert", "fashion-mnist", "--source", self.folder / "nowhere", "--output", output)
        labels.unlink()
        self.refuse(66, "convert", "fashion-mnist", "--source", source, "--output", output, mentions=[labels])
        self.assertFalse(list(self.folder.glob(".*")) + list(self.folder.glob("never*")))

    def test_places_that_take_no_output(self):
        nowhere = self.folder / "nowhere"
        self.train("mlp", "trained", "--steps", 1)
        before = sorted(self.folder.iterdir())
        self.refuse(73, "convert", "fashion-mnist", "--output", nowhere / "F.h5", mentions=[nowhere])
        self.refuse(73, "convert", "fashion-mnist", "--output", self.folder, mentions=["is a folder"])
        train = ("train", "mlp", "--data", self.data)
        self.refuse_everywhere(73, *train, "--checkpoint", nowhere / "deep", mentions=[nowhere])
        self.refuse_everywhere(73, *train, "--checkpoint", self.data, mentions=[self.data])
        self.refuse_everywhere(73, *train, "--metrics", nowhere / "m.jsonl", mentions=[nowhere])
        self.refuse_everywhere(73, *train, "--plot", nowhere / "p.svg", mentions=[nowhere])
        # A place where not even root may write.
        self.refuse_everywhere(73, *train, "--checkpoint", "/proc/none", mentions=["/proc/none"])
        predict = ("predict", self.folder / "trained", "--data", self.data)
        self.refuse_everywhere(73, *predict, "--output", nowhere / "p.h5", mentions=[nowhere])
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_checkpoints_that_do_not_fit(self):
        self.train("softmax-regression", "softmax", "--steps", 2)
        softmax, nothing = self.folder / "softmax", self.folder / "nothing"
        nothing.mkdir()
        resume = ("train", "mlp", "--data", self.data, "--resume")
        self.refuse_everywhere(66, *resume, nothing, mentions=["holds no checkpoint"])
        self.refuse_everywhere(66, *resume, self.folder / "none", mentions=["no such checkpoint"])
        self.refuse_everywhere(65, *resume, softmax, mentions=["softmax-regression", "mlp"])
        self.refuse_everywhere(65, *resume, self.data, mentions=[self.data, "is a dataset"])
        # The first of its epoch's three steps are done: the others must be of the same cut.
        middle = ("train", "softmax-regression", "--data", self.data, "--resume", softmax)
        self.refuse(64, *middle, "--batch-size", 10, mentions=["batch-size is 10", "256"])
        self.refuse(64, *middle, "--seed", 9, mentions=["seed is 9"])
        saved = self.newest("softmax")
        saved.write_bytes(saved.read_bytes()[:-1000])
        self.refuse_everywhere(65, *middle, mentions=[saved, "truncated"])
        self.refuse(65, "inspect", softmax, mentions=[saved])

    def test_a_loss_that_is_no_number(self):
        folder = self.folder / "exploded"
        self.refuse_everywhere(
            70, "train", "mlp", "--data", self.data, "--learning-rate", 1e20, "--quiet", "--checkpoint", folder,
            mentions=["not finite", "step 2"])
        self.assertEqual(list(folder.iterdir()), [])
