"""Writes files of torch.save to read: zip.pth and legacy.pth, the same state dict in the form of today
and in that before PyTorch 1.6, and evil.pth, whose pickle calls a function that would make a file named
EXECUTED.

    python export_torch.py        # torch 2.15
"""
import os
from collections import OrderedDict

import torch

here = os.path.dirname(os.path.abspath(__file__))


def ramp(*shape, dtype=torch.float32):
    """The numbers -1, -1/2, 0, 1/2, ... row by row."""
    count = torch.Size(shape).numel()
    return (torch.arange(count) / 2 - 1).reshape(shape).to(dtype)


class Evil:
    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


module = torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(3, 2, (2, 1)), norm=torch.nn.BatchNorm2d(2)))
state = module.state_dict()
for name, tensor in state.items():
    tensor.copy_(ramp(*tensor.shape) if tensor.is_floating_point() else torch.tensor(70000))
state["channels_last"] = ramp(2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
whole = ramp(4, 5)
state["whole"], state["part"] = whole, whole[1:3, 2:].t()
state["double"], state["half"], state["brain"] = (ramp(7, dtype=d) for d in (torch.float64, torch.float16, torch.bfloat16))
state["empty"] = torch.zeros(0, 4)
state["parameter"] = torch.nn.Parameter(ramp(3))
state["flags"], state["bytes"] = torch.tensor([True, False]), torch.arange(3, dtype=torch.uint8)
torch.save(state, os.path.join(here, "zip.pth"))
torch.save(state, os.path.join(here, "legacy.pth"), _use_new_zipfile_serialization=False)
torch.save({"weight": ramp(2), "extra": Evil()}, os.path.join(here, "evil.pth"))
