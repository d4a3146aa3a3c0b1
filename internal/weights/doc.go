// Package weights reads files of a network's weights: what PyTorch's torch.save makes of a state dict
// (the zip archive of PyTorch 1.6 and later, and the form before it), and safetensors.
//
// Such a file is read as data and nothing else, whoever made it. PyTorch's forms are pickles, programs
// for a small machine that may call whatever they name; the machine here knows the instructions and the
// names that a dict of tensors takes, refuses every other by name, and calls nothing. The whole file is
// in memory and all that is read are parts of it, so that no length that a file claims is believed
// before its bytes are seen to be there. Nothing is written.
//
// References: torch/serialization.py and torch/_utils.py of PyTorch, pickletools.py of Python.
package weights
