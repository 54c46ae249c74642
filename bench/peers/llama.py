"""A LLaMA decoder block in PyTorch, float32."""

import torch
from torch import nn
from torch.nn import functional

MODULES = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


class Block:
    """`linears` holds its linear modules by their names in a checkpoint, after `prefix`."""

    def __init__(self, config, tensors, prefix):
        self.heads = config["num_attention_heads"]
        self.key_heads = config["num_key_value_heads"]
        self.head_size = config["hidden_size"] // self.heads
        self.theta = config["rope_theta"]
        self.epsilon = config["rms_norm_eps"]
        self.attention_gain = tensors[prefix + "input_layernorm.weight"].float()
        self.mlp_gain = tensors[prefix + "post_attention_layernorm.weight"].float()
        self.linears = {name: linear(tensors[f"{prefix}{name}.weight"]) for name in MODULES}

    def __call__(self, x):
        x = x + self.attend(self.normalize(x, self.attention_gain))
        m = self.normalize(x, self.mlp_gain)
        inner = functional.silu(self.linears["mlp.gate_proj"](m)) * self.linears["mlp.up_proj"](m)
        return x + self.linears["mlp.down_proj"](inner)

    def normalize(self, x, gain):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * gain

    def attend(self, x):
        q = self.rotate(self.split(self.linears["self_attn.q_proj"](x), self.heads))
        k = self.rotate(self.split(self.linears["self_attn.k_proj"](x), self.key_heads))
        v = self.split(self.linears["self_attn.v_proj"](x), self.key_heads)
        shared = self.heads // self.key_heads
        if shared > 1:
            k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.linears["self_attn.o_proj"](out.transpose(1, 2).reshape(*x.shape[:2], -1))

    def split(self, x, heads):
        return x.view(*x.shape[:2], heads, self.head_size).transpose(1, 2)

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
