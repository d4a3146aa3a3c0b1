"""Writes torchvision.json: the logits of torchvision's residual networks in their form for 32x32
images, for weights and images that numbers() makes and that parity_test.go makes again.

    python export_torchvision.py        # torch 2.15, torchvision
"""
import json
import os
import zlib

import numpy as np
import torch
import torchvision

CLASSES, BATCH = 10, 2


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
        u *= 2 / np.sqrt(np.prod(shape[1:]))  # a kernel, or the linear layer's weights
    elif name.endswith(".running_var"):
        u = 1 + 0.25 * u
    elif name.endswith(".weight"):
        u = 1 + 0.2 * u
    else:
        u *= 0.1
    return torch.from_numpy(u.astype(np.float32))


def logits(network):
    network.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    network.maxpool = torch.nn.Identity()
    for name, tensor in network.state_dict().items():
        if not name.endswith(".num_batches_tracked"):
            tensor.copy_(value(name, tensor))
    network.double()  # of the same float32 numbers
    images = 1.7 * numbers("images", (BATCH, 3, 32, 32))
    images = torch.from_numpy(images.astype(np.float32)).double()
    with torch.no_grad():
        evaluation, training = network.eval()(images), network.train()(images)
    return {mode: [float(f"{v:.9g}") for v in result.flatten().tolist()]
            for mode, result in (("evaluation", evaluation), ("training", training))}


def main():
    models = torchvision.models
    networks = {"resnet18": models.resnet18, "resnet50": models.resnet50, "wide-resnet50-2": models.wide_resnet50_2}
    result = {name: logits(make(num_classes=CLASSES)) for name, make in networks.items()}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torchvision.json"), "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
