"""PyTorch's side of `compare-pytorch loading`: a shuffled DataLoader over an HDF5 file, as h5py users write it."""

import json
import sys
import time

import h5py
import torch

path, workers = sys.argv[1], int(sys.argv[2])
SECONDS, BATCH = 10, 256


class Images(torch.utils.data.Dataset):
    """Opened in each worker, as an open file does not survive the fork."""

    def __init__(self, path):
        self.path, self.file = path, None
        with h5py.File(path) as file:
            self.count = len(file["train/images"])

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if self.file is None:
            self.file = h5py.File(self.path)
        image = torch.from_numpy(self.file["train/images"][index]).float() / 255
        return image, int(self.file["train/labels"][index])


if __name__ == "__main__":
    torch.set_num_threads(2)
    loader = torch.utils.data.DataLoader(Images(path), BATCH, shuffle=True, num_workers=workers)
    batches = iter(loader)
    next(batches)
    start, samples = time.monotonic(), 0
    for images, _ in batches:
        samples += len(images)
        if time.monotonic() - start > SECONDS:
            break
    print(json.dumps({"examples_per_second": samples / (time.monotonic() - start)}))
