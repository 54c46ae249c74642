"""Prunes a LLaMA to 50 % by SparseGPT in PyTorch float32, by the original algorithm: MODEL SAMPLES OUTPUT THREADS.

Each run opens MODEL, embeds the token lists of SAMPLES, takes them through one block after the other (dense with hooks that
sum the second moments of each module's inputs, sample by sample; then pruned, for the next block's inputs), and writes the
model with its weights pruned to OUTPUT, in the type that it had. A run's time goes from opening MODEL to the last byte
written.

As the authors' code does, each module has second moments, a Cholesky factor, its inverse and that one's factor of its own,
and a block's columns are taken one by one (Frantar and Alistarh, arXiv 2301.00774, algorithm 1).
"""

import json
import os
import sys

import peer

# See wanda_peer.py.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

try:
    import torch
except ImportError:
    peer.missing("PyTorch is not installed")

from llama import Block
from shards import Checkpoint

COLUMNS = 128
DAMPENING = 0.01
SPARSITY = 0.5


class SecondMoments:
    """Gathers 2 / samples times the sum over tokens of the products of each two input columns."""

    def __init__(self, module):
        columns = module.weight.shape[1]
        self.samples = 0
        self.sums = torch.zeros((columns, columns))
        self.handle = module.register_forward_hook(self.add)

    def add(self, module, inputs, output):
        x = inputs[0].reshape((-1, inputs[0].shape[-1])).t().float()
        self.sums *= self.samples / (self.samples + 1)
        self.samples += 1
        x = x * (2 / self.samples) ** 0.5
        self.sums += x.matmul(x.t())


def upper_factor(moments, weight):
    """Returns the upper Cholesky factor of the dampened moments' inverse; columns without input lose their weights."""
    diagonal = torch.diagonal(moments)
    dead = diagonal == 0
    diagonal[dead] = 1
    weight[:, dead] = 0
    diagonal += DAMPENING * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))
    return torch.linalg.cholesky(inverse, upper=True)


def prune(weight, moments):
    factor = upper_factor(moments, weight)
    for first in range(0, weight.shape[1], COLUMNS):
        end = min(first + COLUMNS, weight.shape[1])
        upper = factor[first:end, first:end]
        block = weight[:, first:end].clone()
        changes = torch.zeros_like(block)
        scores = block**2 / torch.diagonal(upper).reshape((1, -1)) ** 2
        limit = torch.sort(scores.flatten())[0][int(scores.numel() * SPARSITY)]
        mask = scores <= limit
        for i in range(end - first):
            column = block[:, i]
            kept = column.clone()
            kept[mask[:, i]] = 0
            change = (column - kept) / upper[i, i]
            block[:, i:] -= change.unsqueeze(1).matmul(upper[i, i:].unsqueeze(0))
            changes[:, i] = change
            weight[:, first + i] = kept
        weight[:, end:] -= changes.matmul(factor[first:end, end:])


def advance(block, states, results):
    for sample in range(states.shape[0]):
        results[sample] = block(states[sample].unsqueeze(0))[0]


def prune_block(block, states, results):
    moments = {name: SecondMoments(module) for name, module in block.linears.items()}
    advance(block, states, results)
    for name, sums in moments.items():
        sums.handle.remove()
        prune(block.linears[name].weight.data, sums.sums)
    advance(block, states, results)


@torch.no_grad()
def run(model, samples, output):
    checkpoint = Checkpoint(model)
    tensors = checkpoint.tensors
    with open(samples) as file:
        tokens = torch.tensor(json.load(file))
    states = tensors["model.embed_tokens.weight"].float()[tokens]
    results = torch.zeros_like(states)
    changed = {}
    for layer in range(checkpoint.config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        block = Block(checkpoint.config, tensors, prefix)
        prune_block(block, states, results)
        for name, module in block.linears.items():
            changed[f"{prefix}{name}.weight"] = module.weight.data
        states, results = results, states
    checkpoint.write(output, changed)


def main(model, samples, output, threads):
    torch.set_num_threads(int(threads))
    facts = {"pytorch": f"{torch.__version__}, {torch.get_num_threads()} threads"}
    peer.serve(facts, lambda: peer.timed(run, model, samples, output))


if __name__ == "__main__":
    main(*sys.argv[1:])
