"""Writes features.json: the features that PyTorch computes of a made image by Inception-v3 for FID with
made weights, in float64. network_test.go makes the same image and weights again.

    python export_torch.py        # torch 2.15, torchvision 0.29

The network is torchvision's with what the FID network does otherwise: "branch_pool" of blocks 5b to 7b
pools by a mean that does not count the padding, that of block 7c by the largest number.
"""
import json
import os
import zlib

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

HEIGHT, WIDTH = 40, 36


def numbers(name, shape):
    """Numbers between -1 and 1 that the name and the place in the (row-major) tensor decide."""
    x = np.arange(int(np.prod(shape)), dtype=np.uint64) * 2654435761 + zlib.crc32(name.encode())
    x &= 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 2246822519) & 0xFFFFFFFF
    x ^= x >> 13
    return (x / 2.0**31 - 1).reshape(shape)


def value(name, tensor):
    """What a tensor of the network holds, so that activations are neither lost nor grow much."""
    u, shape = numbers(name, tuple(tensor.shape)), tensor.shape
    if len(shape) > 1:
        u *= np.sqrt(6 / np.prod(shape[1:]))
    elif name.endswith(".running_var"):
        u = 1 + 0.25 * u
    elif name.endswith(".weight"):
        u = 1 + 0.2 * u
    else:
        u *= 0.1
    return torch.from_numpy(u.astype(np.float32))


class Pooled(torch.nn.Module):
    """A branch_pool that pools what its block was given in its own way."""

    def __init__(self, block, pool):
        super().__init__()
        self.conv, self.pool = block.branch_pool, pool
        block.register_forward_pre_hook(self.keep)

    def keep(self, _, arguments):
        self.given = arguments[0]

    def forward(self, _):
        return self.conv(self.pool(self.given))


def mean(x):
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def largest(x):
    return F.max_pool2d(x, 3, stride=1, padding=1)


def features(network, image):
    x = F.interpolate(image, size=(299, 299), mode="bilinear", align_corners=False)
    return network(2 * x - 1)[0]


network = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, transform_input=False, init_weights=False)
network.fc = torch.nn.Identity()
for name, tensor in network.state_dict().items():
    if not name.endswith(".num_batches_tracked"):
        tensor.copy_(value(name, tensor))
network = network.double().eval()  # of the same float32 numbers
image, other = (torch.from_numpy((0.5 + 0.5 * numbers(name, (1, 3, HEIGHT, WIDTH))).astype(np.float32)).double()
                for name in ("image", "another image"))
with torch.no_grad():
    before = features(network, image)
    for name, block in network.named_children():
        if name.startswith("Mixed") and hasattr(block, "branch_pool"):
            block.branch_pool = Pooled(block, largest if name == "Mixed_7c" else mean)
    after, unlike = features(network, image), features(network, other)
size = after.abs().max()
print(f"largest feature {size:.3g}; torchvision's own differ by {(before - after).abs().max() / size:.2g} of it, "
      f"those of another image by {(unlike - after).abs().max() / size:.2g}")
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "features.json"), "w") as file:
    json.dump([float(f"{v:.8g}") for v in after.tolist()], file)
    file.write("\n")
