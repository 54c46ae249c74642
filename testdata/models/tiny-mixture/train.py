"""Trains the small mixture of experts beside this script: python3 train.py ../tiny-llama OUTPUT

It writes English-looking text with the model TINY_LLAMA (a LLaMA in safetensors), one token after the other at temperature 1,
and trains a qwen2_moe of bytes on it in float32. Needs PyTorch and a tokenizer.json of byte-fallback BPE pieces.
"""
import json
import math
import pathlib
import struct
import sys
import time

import torch
import torch.nn.functional as F

WRITTEN, LENGTH = 4096, 256  # documents of the writer, and their tokens
STEPS, BATCH, WINDOW, RATE = 2500, 64, 128, 3e-3
H, BLOCKS, HEADS, KV, EXPERTS, TOP, WIDTH, SHARED = 96, 4, 4, 2, 16, 4, 48, 96
BALANCE = 0.01


def read(folder):
    tensors = {}
    for shard in sorted(pathlib.Path(folder).glob("*.safetensors")):
        data = shard.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        for name, info in json.loads(data[8 : 8 + size]).items():
            if name != "__metadata__":
                begin, end = info["data_offsets"]
                raw = torch.frombuffer(bytearray(data[8 + size + begin : 8 + size + end]), dtype=torch.bfloat16)
                tensors[name] = raw.float().view(info["shape"])
    return tensors


def norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def turned(x, at):
    """Rotary positions of halves, theta 10,000."""
    half = x.shape[-1] // 2
    angle = at[:, None].float() * 10000.0 ** (-torch.arange(half) / half)
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


@torch.no_grad()
def write(folder, documents, length, generator):
    """Returns token ids that a LLaMA draws, all documents side by side."""
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    w = read(folder)
    heads, kv, blocks = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "num_hidden_layers"))
    head, eps = config["hidden_size"] // heads, config["rms_norm_eps"]
    keys = [torch.zeros(documents, kv, length, head) for _ in range(blocks)]
    values = [torch.zeros(documents, kv, length, head) for _ in range(blocks)]
    token = torch.full((documents,), config["bos_token_id"])
    out = []
    for at in range(length):
        x = w["model.embed_tokens.weight"][token]
        place = torch.tensor([at])
        for b in range(blocks):
            p = f"model.layers.{b}."
            y = norm(x, w[p + "input_layernorm.weight"], eps)
            q = turned((y @ w[p + "self_attn.q_proj.weight"].T).view(documents, kv, heads // kv, head), place)
            keys[b][:, :, at] = turned((y @ w[p + "self_attn.k_proj.weight"].T).view(documents, kv, 1, head), place)[:, :, 0]
            values[b][:, :, at] = (y @ w[p + "self_attn.v_proj.weight"].T).view(documents, kv, head)
            k, v = keys[b][:, :, : at + 1], values[b][:, :, : at + 1]
            a = ((q @ k.transpose(2, 3)) / math.sqrt(head)).softmax(-1) @ v
            a = a.reshape(documents, -1)
            x = x + a @ w[p + "self_attn.o_proj.weight"].T
            y = norm(x, w[p + "post_attention_layernorm.weight"], eps)
            g = F.silu(y @ w[p + "mlp.gate_proj.weight"].T) * (y @ w[p + "mlp.up_proj.weight"].T)
            x = x + g @ w[p + "mlp.down_proj.weight"].T
        logits = norm(x, w["model.norm.weight"], eps) @ w["lm_head.weight"].T
        token = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
        out.append(token)
    return torch.stack(out, 1).tolist()


def texts(folder, documents):
    """Returns the documents' bytes, each up to its end token."""
    vocabulary = json.loads((pathlib.Path(folder) / "tokenizer.json").read_text())
    pieces = {i: piece for piece, i in vocabulary["model"]["vocab"].items()}
    special = {t["id"] for t in vocabulary["added_tokens"]}
    for tokens in documents:
        text = b""
        for token in tokens:
            if token in special:
                break
            piece = pieces[token]
            fallback = piece.startswith("<0x") and piece.endswith(">")
            text += bytes([int(piece[3:5], 16)]) if fallback else piece.replace("\u2581", " ").encode()
        yield text.strip() + b"\n"


class Mixture(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.ParameterDict()
        head = H // HEADS
        self.add("model.embed_tokens.weight", 256, H)
        for b in range(BLOCKS):
            p = f"model.layers.{b}."
            for n, rows in (("q", H), ("k", KV * head), ("v", KV * head)):
                self.add(p + f"self_attn.{n}_proj.weight", rows, H)
                self.add(p + f"self_attn.{n}_proj.bias", rows, fill=0.0)
            self.add(p + "self_attn.o_proj.weight", H, H)
            for n in ("input_layernorm", "post_attention_layernorm"):
                self.add(p + n + ".weight", H, fill=1.0)
            self.add(p + "mlp.gate.weight", EXPERTS, H)
            self.add(p + "mlp.shared_expert_gate.weight", 1, H)
            for n in ("gate", "up"):
                self.add(p + f"mlp.shared_expert.{n}_proj.weight", SHARED, H)
                self.add(p + f"mlp.experts.{n}", EXPERTS, WIDTH, H)
            self.add(p + "mlp.shared_expert.down_proj.weight", H, SHARED)
            self.add(p + "mlp.experts.down", EXPERTS, H, WIDTH)
        self.add("model.norm.weight", H, fill=1.0)

    def add(self, name, *shape, fill=None):
        value = torch.full(shape, fill) if fill is not None else torch.randn(shape) * 0.05
        self.w[name.replace(".", "/")] = torch.nn.Parameter(value)

    def __getitem__(self, name):
        return self.w[name.replace(".", "/")]

    def forward(self, tokens):
        n, length = tokens.shape
        head = H // HEADS
        at = torch.arange(length)
        x = self["model.embed_tokens.weight"][tokens]
        balance = 0.0
        for b in range(BLOCKS):
            p = f"model.layers.{b}."
            y = norm(x, self[p + "input_layernorm.weight"], 1e-6)
            q, k, v = (
                (y @ self[p + f"self_attn.{c}_proj.weight"].T + self[p + f"self_attn.{c}_proj.bias"])
                .view(n, length, -1, head)
                .transpose(1, 2)
                for c in "qkv"
            )
            k, v = (z.repeat_interleave(HEADS // KV, 1) for z in (turned(k, at), v))
            a = F.scaled_dot_product_attention(turned(q, at), k, v, is_causal=True)
            x = x + a.transpose(1, 2).reshape(n, length, H) @ self[p + "self_attn.o_proj.weight"].T
            y = norm(x, self[p + "post_attention_layernorm.weight"], 1e-6).view(-1, H)
            out, share = self.experts(p + "mlp.", y)
            x = x + out.view(n, length, H)
            balance = balance + share
        logits = norm(x, self["model.norm.weight"], 1e-6) @ self["model.embed_tokens.weight"].T
        return logits, balance

    def experts(self, p, y):
        chance = (y @ self[p + "gate.weight"].T).softmax(-1)
        top, chosen = chance.topk(TOP, -1)
        top = top / top.sum(-1, keepdim=True)
        out = torch.zeros_like(y)
        for e in range(EXPERTS):
            token, place = (chosen == e).nonzero(as_tuple=True)
            if len(token):
                z = y[token]
                z = F.silu(z @ self[p + "experts.gate"][e].T) * (z @ self[p + "experts.up"][e].T)
                out = out.index_add(0, token, z @ self[p + "experts.down"][e].T * top[token, place, None])
        s = F.silu(y @ self[p + "shared_expert.gate_proj.weight"].T) * (y @ self[p + "shared_expert.up_proj.weight"].T)
        s = s @ self[p + "shared_expert.down_proj.weight"].T
        out = out + torch.sigmoid(y @ self[p + "shared_expert_gate.weight"].T) * s
        used = F.one_hot(chosen, EXPERTS).float().sum(1).mean(0)
        return out, EXPERTS * (used * chance.mean(0)).sum() / TOP

    def tensors(self):
        for key, value in self.w.items():
            name, value = key.replace("/", "."), value.detach()
            if ".mlp.experts." in name:
                for e in range(EXPERTS):
                    start, _, part = name.rpartition(".")
                    yield f"{start}.{e}.{part}_proj.weight", value[e]
            else:
                yield name, value


def save(path, tensors):
    header, at, blobs = {}, 0, []
    for name, value in sorted(tensors):
        blob = value.bfloat16().contiguous().view(torch.int16).numpy().tobytes()
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def windows(data, count, length, generator):
    begin = torch.randint(0, len(data) - length - 1, (count,), generator=generator)
    return torch.stack([data[b : b + length + 1] for b in begin.tolist()])


def main():
    folder, output = sys.argv[1], pathlib.Path(sys.argv[2])
    torch.manual_seed(1)
    output.mkdir(parents=True, exist_ok=True)
    cache = output / "written.bin"
    start = time.time()
    if not cache.exists():
        generator = torch.Generator().manual_seed(1)
        parts = []
        for part in range(WRITTEN // 512):
            parts.append(write(folder, 512, LENGTH, generator))
            print("part", part + 1, f"{time.time() - start:.0f} s", flush=True)
        cache.write_bytes(b"".join(t for part in parts for t in texts(folder, part)))
    written = cache.read_bytes()
    data = torch.tensor(list(written))
    print(len(data), "bytes:", written[:300], flush=True)
    held, data = data[: len(data) // 50], data[len(data) // 50 :]
    model = Mixture()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)
    generator = torch.Generator().manual_seed(2)
    start = time.time()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * (0.05 + 0.95 * (1 + math.cos(math.pi * step / STEPS)) / 2)
        tokens = windows(data, BATCH, WINDOW, generator)
        logits, balance = model(tokens[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, 256), tokens[:, 1:].reshape(-1))
        optimizer.zero_grad()
        (loss + BALANCE * balance).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            print(step + 1, f"{loss.item():.4f} {balance.item():.2f} {time.time() - start:.0f} s", flush=True)
    save(output / "model.safetensors", model.tensors())
    generator = torch.Generator().manual_seed(3)
    half = len(held) // 2
    for name, part, count in (("calibration", held[:half], 96), ("evaluation", held[half:], 64)):
        lines = windows(part, count, 95, generator).tolist()
        (output / (name + ".json")).write_text(json.dumps(lines, separators=(",", ":")) + "\n")


main()
