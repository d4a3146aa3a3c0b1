"""Writes lstm.json: one window of PyTorch's nn.LSTM in double precision, and the gradients of a loss,
for inputs and weights that are drawn here and stand in the file too. PyTorch's matrices are
transposed, and of its two vectors of biases the second is zero.

    python export_lstm.py        # torch 2.15
"""
import json
import os

import torch

STEPS, BATCH, IN, SIZE = 4, 2, 3, 5


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    layer = torch.nn.LSTM(IN, SIZE)
    torch.nn.init.zeros_(layer.bias_hh_l0)
    x = torch.randn(STEPS, BATCH, IN, requires_grad=True)
    hidden = torch.randn(1, BATCH, SIZE, requires_grad=True)
    cell = torch.randn(1, BATCH, SIZE, requires_grad=True)
    weights = [torch.randn(STEPS, BATCH, SIZE), torch.randn(1, BATCH, SIZE), torch.randn(1, BATCH, SIZE)]
    results = layer(x, (hidden, cell))
    results = [results[0], *results[1]]
    sum((r * w).sum() for r, w in zip(results, weights)).backward()
    inputs = [x, layer.weight_ih_l0.T, layer.weight_hh_l0.T, layer.bias_ih_l0, hidden[0], cell[0]]
    gradients = [x.grad, layer.weight_ih_l0.grad.T, layer.weight_hh_l0.grad.T, layer.bias_ih_l0.grad,
                 hidden.grad[0], cell.grad[0]]

    def arrays(tensors):
        return [{"dims": list(t.shape), "flat": [float(f"{v:.12g}") for v in t.flatten().tolist()]} for t in tensors]

    weights, results = [weights[0], weights[1][0], weights[2][0]], [results[0], results[1][0], results[2][0]]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lstm.json")
    with open(path, "w") as file:
        json.dump({"inputs": arrays(inputs + weights), "results": arrays(results + gradients)}, file)
        file.write("\n")


main()
