"""Writes dcgan.json: in double precision a narrow DCGAN's results, its WGAN-GP losses and their
gradients by PyTorch, for numbers that numbers() makes and that gangolden_test.go makes again. Of images and
gradients, which are many numbers, there stand the sums of their products with other made numbers,
and their norms.

    python export_dcgan.py        # torch 2.15
"""
import json
import os

import numpy as np
import torch
from torch import nn

from export_torchvision import numbers, value

BATCH, WIDTH = 3, 2


def generator(w):
    layers = [nn.ConvTranspose2d(100, 4 * w, 4, 1, 0, bias=False), nn.BatchNorm2d(4 * w), nn.ReLU()]
    for i, o in ((4 * w, 2 * w), (2 * w, w)):
        layers += [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(w, 3, 4, 2, 1), nn.Tanh())


def critic(w):
    layers = [nn.Conv2d(3, w, 4, 2, 1), nn.LeakyReLU(0.2)]
    for i, o in ((w, 2 * w), (2 * w, 4 * w)):
        layers += [nn.Conv2d(i, o, 4, 2, 1), nn.InstanceNorm2d(o, affine=True), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(4 * w, 1, 4))


def filled(network, prefix):
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not name.endswith(".num_batches_tracked"):
                tensor.copy_(value(prefix + name, tensor))
    return network.double()  # of the same float32 numbers


def made(name, shape):
    return torch.from_numpy((1.7 * numbers(name, shape)).astype(np.float32)).double()


def gradients(losses, network, prefix):
    names, tensors = zip(*network.named_parameters())
    slopes = torch.autograd.grad(losses.mean(), tensors)
    return {prefix + n: flat([(g * value("probe." + prefix + n, g)).sum(), g.norm()]) for n, g in zip(names, slopes)}


def projections(images):
    return flat((images * made("images probe", images.shape)).flatten(1).sum(1))


def flat(numbers):
    return [float(f"{float(v.detach()):.12g}") for v in numbers]


def size(network):
    return sum(p.numel() for p in network.parameters())


def main():
    g, d = filled(generator(WIDTH), "generator."), filled(critic(WIDTH), "critic.")
    latents = made("latents", (BATCH, 100))[:, :, None, None]
    evaluation = g.eval()(latents)
    images = g.train()(latents)
    averages = {"generator." + n: flat(t) for n, t in g.named_buffers() if not n.endswith("num_batches_tracked")}
    generator_losses = -d(images).view(-1)

    real, fake = made("images real", (BATCH, 3, 32, 32)), made("images generated", (BATCH, 3, 32, 32))
    share = torch.from_numpy(((numbers("shares", (BATCH,)) + 1) / 2).astype(np.float32)).double()[:, None, None, None]
    mix = (share * real + (1 - share) * fake).requires_grad_()
    norms = torch.autograd.grad(d(mix).sum(), mix, create_graph=True)[0].flatten(1).norm(2, 1)
    critic_losses = (d(fake) - d(real)).view(-1) + 10 * (norms - 1) ** 2
    result = {
        "sizes": [size(generator(64)), size(critic(64))],
        "evaluation": projections(evaluation), "training": projections(images), "averages": averages,
        "critique": [flat(d(real)), flat(d(fake)), flat(norms)],
        "losses": {"generator": flat(generator_losses), "critic": flat(critic_losses)},
        "gradients": gradients(generator_losses, g, "generator.") | gradients(critic_losses, d, "critic."),
    }
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "dcgan.json"), "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


main()
