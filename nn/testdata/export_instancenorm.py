"""Writes instancenorm.json: in double precision PyTorch's leaky rectifier of InstanceNorm2d, the
gradients of a loss, and the gradients of a penalty on these, for numbers drawn by a seed, which stand
in the file too. Images are [batch, height, width, channels].

    python export_instancenorm.py        # torch 2.15
"""
import json
import os

import torch

BATCH, HEIGHT, WIDTH, CHANNELS, SLOPE = 2, 3, 4, 3, 0.2


def channels_last(t):
    return t.permute(0, 2, 3, 1) if t.dim() == 4 else t


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    norm = torch.nn.InstanceNorm2d(CHANNELS, affine=True)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = (1 + 2 * torch.randn(BATCH, CHANNELS, HEIGHT, WIDTH)).requires_grad_()
    weight = torch.randn(BATCH, CHANNELS, HEIGHT, WIDTH)
    inputs = [x, norm.weight, norm.bias]
    y = torch.nn.functional.leaky_relu(norm(x), SLOPE)
    gradients = torch.autograd.grad((y ** 2 * weight).sum(), inputs, create_graph=True)
    penalty = sum((g ** 2).sum() for g in gradients)
    second = torch.autograd.grad(penalty, inputs)

    def arrays(tensors):
        return [{"dims": list(t.shape), "flat": [float(f"{v:.12g}") for v in t.flatten().tolist()]}
                for t in map(channels_last, tensors)]

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instancenorm.json")
    with open(path, "w") as file:
        json.dump({"inputs": arrays([*inputs, weight]), "results": arrays([y, *gradients, *second])}, file)
        file.write("\n")


main()
