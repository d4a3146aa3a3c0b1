"""Writes transformer.json: values and gradients, in double precision, of PyTorch's LayerNorm,
MultiheadAttention with a causal mask and TransformerEncoderLayer without dropout, for numbers drawn
by a seed. Names and the order of axes are those of package nn: x is [time, batch, width], matrices
are [in, out].

    python export_transformer.py        # torch 2.15
"""
import json
import os

import torch

TIME, BATCH, WIDTH, HEADS, FEED_FORWARD = 5, 3, 6, 2, 7

NAMES = {
    "norm": {"weight": "/scale", "bias": "/offset"},
    "attention": {
        "in_proj_weight": "/projection/weights", "in_proj_bias": "/projection/biases",
        "out_proj.weight": "/output/weights", "out_proj.bias": "/output/biases",
    },
}
NAMES["layer"] = (
    {"self_attn." + theirs: "/attention" + ours for theirs, ours in NAMES["attention"].items()}
    | {"norm1." + theirs: "/attention/norm" + ours for theirs, ours in NAMES["norm"].items()}
    | {"norm2." + theirs: "/outer/norm" + ours for theirs, ours in NAMES["norm"].items()}
    | {f"linear{i}.{theirs}": f"/{part}/{ours}" for i, part in ((1, "inner"), (2, "outer"))
       for theirs, ours in (("weight", "weights"), ("bias", "biases"))}
)


def array(tensor):
    """The tensor as an array of Go's graphtest; a matrix in the order [in, out]."""
    tensor = tensor.detach().t() if tensor.dim() == 2 else tensor.detach()
    return {"Dims": list(tensor.shape), "Flat": [float(f"{v:.15g}") for v in tensor.flatten().tolist()]}


def case(name, module, apply):
    """What the module gives for x, and the gradients of sum(y * weight)."""
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.6 + (parameter.dim() == 1) * 0.3)
    x = torch.randn(TIME, BATCH, WIDTH, dtype=torch.double, requires_grad=True)
    weight = torch.randn_like(x)
    y = apply(module, x)
    (y * weight).sum().backward()
    parameters = {NAMES[name][theirs]: p for theirs, p in module.named_parameters()}
    return {
        "X": array(x), "Weight": array(weight), "Y": array(y), "Gradient": array(x.grad),
        "Variables": {path: array(p) for path, p in parameters.items()},
        "Gradients": {path: array(p.grad) for path, p in parameters.items()},
    }


def main():
    torch.manual_seed(1)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(TIME, dtype=torch.double)
    attention = torch.nn.MultiheadAttention(WIDTH, HEADS)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, FEED_FORWARD, dropout=0.0)
    cases = {
        "norm": case("norm", torch.nn.LayerNorm(WIDTH), lambda m, x: m(x)),
        "attention": case("attention", attention, lambda m, x: m(x, x, x, attn_mask=mask, need_weights=False)[0]),
        "layer": case("layer", layer, lambda m, x: m(x, src_mask=mask)),
    }
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "transformer.json"), "w") as file:
        file.write("{\n" + ",\n".join(f'"{name}": {json.dumps(c)}' for name, c in cases.items()) + "\n}\n")


main()
