"""Prunes a LLaMA to 50 % in PyTorch float32 as the Wanda code does it: MODEL SAMPLES OUTPUT THREADS.

Each run opens MODEL, embeds the token lists of SAMPLES, takes them through one block after the other (dense with hooks that
gather the norms, sample by sample; then pruned, for the next block's inputs), and writes the model with its weights pruned
to OUTPUT, in the type that it had. A run's time goes from opening MODEL to the last byte written.
"""

import json
import os
import sys

import peer

# OpenMP's threads spin when they have nothing to do, on the cores that OpenBLAS's own threads need: on two cores a run took
# 75 s like that, and 21 s with threads that sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

try:
    import torch
except ImportError:
    peer.missing("PyTorch is not installed")

from llama import Block
from shards import Checkpoint
from torch_peer import prune_by_sort


class InputNorm:
    """Gathers the squared norm of each input column, averaged over samples."""

    def __init__(self, module):
        self.samples = 0
        self.scaler_row = torch.zeros(module.weight.shape[1])
        self.handle = module.register_forward_hook(self.add)

    def add(self, module, inputs, output):
        x = inputs[0].reshape((-1, inputs[0].shape[-1])).t().float()
        self.scaler_row *= self.samples / (self.samples + 1)
        self.samples += 1
        self.scaler_row += torch.norm(x, p=2, dim=1) ** 2 / self.samples


def advance(block, states, results):
    for sample in range(states.shape[0]):
        results[sample] = block(states[sample].unsqueeze(0))[0]


def prune_block(block, states, results):
    norms = {name: InputNorm(module) for name, module in block.linears.items()}
    advance(block, states, results)
    for name, norm in norms.items():
        norm.handle.remove()
        weight = block.linears[name].weight
        prune_by_sort(weight.data, norm.scaler_row, weight.shape[1] // 2)
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
