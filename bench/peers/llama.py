"""A LLaMA decoder block in PyTorch, float32, with the names of a checkpoint's modules."""

import torch
from torch import nn
from torch.nn import functional


class RmsNorm(nn.Module):
    def __init__(self, gain, epsilon):
        super().__init__()
        self.gain = gain
        self.epsilon = epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.gain


class Block(nn.Module):
    def __init__(self, config, tensors, prefix):
        super().__init__()
        self.heads = config["num_attention_heads"]
        self.key_heads = config["num_key_value_heads"]
        self.head_size = config["hidden_size"] // self.heads
        self.theta = config["rope_theta"]
        epsilon = config["rms_norm_eps"]
        self.attention_norm = RmsNorm(tensors[prefix + "input_layernorm.weight"].float(), epsilon)
        self.mlp_norm = RmsNorm(tensors[prefix + "post_attention_layernorm.weight"].float(), epsilon)
        self.linears = nn.ModuleDict()
        for part, names in (("self_attn", "q_proj k_proj v_proj o_proj"), ("mlp", "gate_proj up_proj down_proj")):
            for name in names.split():
                self.linears[name] = linear(tensors[f"{prefix}{part}.{name}.weight"])

    def forward(self, x):
        x = x + self.attend(self.attention_norm(x))
        m = self.mlp_norm(x)
        inner = functional.silu(self.linears["gate_proj"](m)) * self.linears["up_proj"](m)
        return x + self.linears["down_proj"](inner)

    def attend(self, x):
        q = self.rotate(self.split(self.linears["q_proj"](x), self.heads))
        k = self.rotate(self.split(self.linears["k_proj"](x), self.key_heads))
        v = self.split(self.linears["v_proj"](x), self.key_heads)
        shared = self.heads // self.key_heads
        if shared > 1:
            k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.linears["o_proj"](out.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))

    def split(self, x, heads):
        return x.view(x.shape[0], x.shape[1], heads, self.head_size).transpose(1, 2)

    def rotate(self, x):
        half = self.head_size // 2
        frequencies = self.theta ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.outer(torch.arange(x.shape[2], dtype=torch.float32), frequencies)
        cos, sin = angles.cos(), angles.sin()
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def linear(weight):
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    module.weight = nn.Parameter(weight.float(), requires_grad=False)
    return module
