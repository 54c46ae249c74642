"""A LLaMA of plain PyTorch whose norms wanda_statistics writes, and Wanda itself to compare with.

    tiny_llama.py statistics MODEL TOKENS.json OUTPUT
    tiny_llama.py compare MODEL STATISTICS PRUNED        half of each row pruned: prints how many weights are equal
"""
import json
import os
import struct
import sys

import torch
from torch import nn

sys.path.insert(0, os.path.join(os.path.dirname(__file__), *[".."] * 5, "python"))
import wanda_statistics

DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16}


def tensors(file):
    data = bytearray(open(file, "rb").read())
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    for name, info in header.items():
        begin, end = (8 + size + offset for offset in info["data_offsets"])
        yield name, torch.frombuffer(data[begin:end], dtype=DTYPES[info["dtype"]]).reshape(info["shape"])


def weights(folder):
    return {name: tensor for file in os.listdir(folder) if file.endswith(".safetensors")
            for name, tensor in tensors(os.path.join(folder, file))}


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


class Attention(nn.Module):
    def __init__(self, width, heads, key_heads):
        super().__init__()
        self.size = width // heads
        self.q_proj = nn.Linear(width, heads * self.size, bias=False)
        self.k_proj = nn.Linear(width, key_heads * self.size, bias=False)
        self.v_proj = nn.Linear(width, key_heads * self.size, bias=False)
        self.o_proj = nn.Linear(heads * self.size, width, bias=False)

    def rotated(self, x):
        frequencies = 10000.0 ** (-torch.arange(0, self.size, 2, dtype=torch.float32) / self.size)
        angles = torch.outer(torch.arange(x.shape[-2], dtype=torch.float32), frequencies).repeat(1, 2)
        first, second = x.chunk(2, -1)
        return x * angles.cos() + torch.cat((-second, first), -1) * angles.sin()

    def forward(self, x):
        q, k, v = (layer(x).unflatten(-1, (-1, self.size)).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj))
        q, k = self.rotated(q), self.rotated(k)
        k, v = (each.repeat_interleave(q.shape[1] // each.shape[1], 1) for each in (k, v))
        scores = q @ k.transpose(-1, -2) / self.size ** 0.5
        scores = scores + torch.full(scores.shape[-2:], float("-inf")).triu(1)
        return self.o_proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.self_attn = Attention(width, config["num_attention_heads"], config["num_key_value_heads"])
        self.mlp = Mlp(width, config["intermediate_size"])
        self.input_layernorm, self.post_attention_layernorm = Norm(width), Norm(width)

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Block(config) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(config["hidden_size"])

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class CausalModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = Model(config)
        self.lm_head = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)

    def forward(self, tokens):
        return self.lm_head(self.model(tokens))


def write_statistics(folder, tokens, output):
    with open(os.path.join(folder, "config.json")) as file:
        model = CausalModel(json.load(file))
    model.load_state_dict({name: tensor.float() for name, tensor in weights(folder).items()})
    statistics = wanda_statistics.Statistics(model)
    for sample in json.load(open(tokens)):
        statistics.sample(torch.tensor([sample]))
    statistics.write(output)


def compare(folder, statistics, pruned):
    norms, after = dict(tensors(statistics)), weights(pruned)
    equal = total = 0
    for name, weight in weights(folder).items():
        norm = norms.get(name[:-len("weight")] + "input_norm")
        if norm is not None:
            scores = weight.float().abs() * norm
            lowest = scores.sort(stable=True, dim=-1).indices[:, :weight.shape[1] // 2]
            weight = weight.scatter(1, lowest, torch.zeros_like(weight))
        equal += int((weight == after[name]).sum())
        total += weight.numel()
    print(equal, "of", total)


if __name__ == "__main__":
    {"statistics": write_statistics, "compare": compare}[sys.argv[1]](*sys.argv[2:])
