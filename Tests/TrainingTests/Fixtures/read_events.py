"""What TensorBoard's own reader finds in a folder of `--logger tensorboard`, one JSON object.

pip install tensorboard; python read_events.py FOLDER
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0, "images": 0, "histograms": 0})
events.Reload()
tags = events.Tags()
found = {
    "scalars": {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in tags["scalars"]},
    "images": {
        tag: [[event.step, event.width, event.height, len(event.encoded_image_string)] for event in events.Images(tag)]
        for tag in tags["images"]},
    "histograms": {
        tag: [[event.step, event.histogram_value.num, event.histogram_value.min, event.histogram_value.max]
              for event in events.Histograms(tag)] for tag in tags["histograms"]},
    "texts": {
        tag: [tensor_util.make_ndarray(event.tensor_proto).item().decode() for event in events.Tensors(tag)]
        for tag in tags["tensors"]},
}
json.dump(found, sys.stdout, indent=1)
