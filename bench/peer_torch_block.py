"""Times PyTorch on single parts of a training step, as a peer of `kafisto bench`. Random data, float32.

usage: peer_torch_block.py CASE [--steps N] [--batch B] [--device cpu|cuda] [--channels-last]
CASE:
  bottleneck            bottleneck block of ResNet-50, 256 to 64 to 256 channels at 32x32, forward and backward
  bottleneck2           the same with stride 2, 256 to 128 to 512 channels, with its 1x1 shortcut
  optimizer             step of SGD (momentum 0.9, weight decay 5e-4) on ResNet-18's 11 million parameters in 62 tensors
  optimizer/adam        the same with Adam; any other optimizer/NAME is SGD
  conv/SHAPE/DIRECTION  one convolution, named as `kafisto bench --list` does
  gemm                  product of two matrices of 2048 x 2048
  memory                x <- x/2 + g over 128 MB each in 16 tensors, in place
Prints one line of JSON: median and least seconds a step, and items a second: images, GFLOP (conv, gemm), GB (memory) or
steps (optimizer).

Needs torch alone: python3 -m venv V && V/bin/pip install torch==2.15.0
As a peer:
  kafisto bench bottleneck bottleneck2 --peer "V/bin/python bench/peer_torch_block.py {case} --batch {batch} --steps {steps} --channels-last"
"""
import argparse
import json
import os
import re
import statistics
import time

import torch
import torch.nn as nn

WARMUP = 2


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("case")
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--batch", type=int, default=0, help="0 takes the case's own")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--channels-last", action="store_true")
    return parser.parse_args()


class Bottleneck(nn.Module):
    def __init__(self, channels, width, out, stride):
        super().__init__()

        def normalized(i, o, kernel, stride):
            return nn.Sequential(nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(o))

        self.conv1 = normalized(channels, width, 1, 1)
        self.conv2 = normalized(width, width, 3, stride)
        self.conv3 = normalized(width, out, 1, 1)
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else normalized(channels, out, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.conv1(x))
        y = self.relu(self.conv2(y))
        return self.relu(self.conv3(y) + self.shortcut(x))


def block(a, layout):
    channels, width, out, stride = {"bottleneck": (256, 64, 256, 1), "bottleneck2": (256, 128, 512, 2)}[a.case]
    batch = a.batch or 64
    m = Bottleneck(channels, width, out, stride).to(a.device, memory_format=layout)
    x = torch.randn(batch, channels, 32, 32, device=a.device).to(memory_format=layout).requires_grad_(True)
    adjoint = torch.full_like(m(x), 0.01)

    def step():
        m.zero_grad(set_to_none=True)
        x.grad = None
        m(x).backward(adjoint)

    return step, batch


def convolution(a, layout):
    shape = re.fullmatch(r"conv/(\d+)-(\d+)@(\d+)(?:s(\d+))?(?:k(\d+))?/(forward|input|weight)", a.case)
    if shape is None:
        raise SystemExit(f"no convolution is named {a.case!r}")
    channels, out, size, stride, kernel = (int(v) if v else d for v, d in zip(shape.groups()[:5], (0, 0, 0, 1, 3)))
    batch = a.batch or 128
    x = torch.randn(batch, channels, size, size, device=a.device).to(memory_format=layout)
    w = torch.randn(out, channels, kernel, kernel, device=a.device).to(memory_format=layout)
    geometry = [stride, stride], [kernel // 2, kernel // 2], [1, 1]
    y = nn.functional.conv2d(x, w, None, *geometry)
    adjoint = torch.full_like(y, 0.01)
    gflop = 2e-9 * y.numel() * channels * kernel * kernel
    direction = shape.group(6)
    if direction == "forward":
        return lambda: nn.functional.conv2d(x, w, None, *geometry), gflop
    wanted = [direction == "input", direction == "weight", False]
    return lambda: torch.ops.aten.convolution_backward(
        adjoint, x, w, None, *geometry, False, [0, 0], 1, wanted), gflop


def resnet18_shapes(classes=10):
    """The shapes of ResNet-18's 62 tensors in its CIFAR form."""
    def normalized(i, o, kernel):
        return [(o, i, kernel, kernel), (o,), (o,)]

    shapes = normalized(3, 64, 3)
    channels = 64
    for width in (64, 128, 256, 512):
        for i in (channels, width):
            shapes += normalized(i, width, 3) + normalized(width, width, 3)
        if width != channels:
            shapes += normalized(channels, width, 1)
        channels = width
    return shapes + [(classes, 512), (classes,)]


def optimizer(a, _):
    parameters = [nn.Parameter(0.05 * torch.randn(s, device=a.device)) for s in resnet18_shapes()]
    assert len(parameters) == 62 and sum(p.numel() for p in parameters) == 11_173_962
    for p in parameters:
        p.grad = 1e-3 * torch.randn_like(p)
    if a.case == "optimizer/adam":
        return torch.optim.Adam(parameters, lr=3e-4, weight_decay=5e-4).step, 1
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4).step, 1


def gemm(a, _):
    x, y = (torch.randn(2048, 2048, device=a.device) for _ in range(2))
    return lambda: x @ y, 2e-9 * 2048 ** 3


def memory(a, _):
    pairs = [tuple(torch.randn(2 << 20, device=a.device) for _ in range(2)) for _ in range(16)]

    def step():
        for x, g in pairs:
            torch.add(g, x, alpha=0.5, out=x)

    return step, 1e-9 * 3 * 4 * 16 * (2 << 20)


def main():
    a = arguments()
    torch.manual_seed(0)
    if a.device == "cpu":
        torch.set_num_threads(os.cpu_count())
    kinds = {"bottleneck": block, "bottleneck2": block, "conv": convolution, "optimizer": optimizer,
             "gemm": gemm, "memory": memory}
    prepare = kinds.get(a.case.split("/")[0])
    if prepare is None:
        raise SystemExit(f"no case is named {a.case!r}")
    step, items = prepare(a, torch.channels_last if a.channels_last else torch.contiguous_format)
    synchronize = torch.cuda.synchronize if a.device == "cuda" else lambda: None
    seconds = []
    for _ in range(WARMUP + a.steps):
        synchronize()
        began = time.perf_counter()
        step()
        synchronize()
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds[WARMUP:])
    print(json.dumps({
        "peer": "torch " + torch.__version__, "case": a.case, "opt": "adam" if a.case == "optimizer/adam" else "sgd",
        "device": a.device, "median_s": median, "min_s": min(seconds[WARMUP:]), "items_per_s": items / median,
        "optimizer_s": median if a.case.startswith("optimizer") else None,
    }))


if __name__ == "__main__":
    main()
