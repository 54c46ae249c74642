"""Norms of the inputs of a PyTorch model's linear layers, as a statistics file of wanda-cuda. Needs PyTorch alone.

    statistics = Statistics(model)        # any nn.Module; its forward pass must run in float32 or wider for wanda-cuda's masks
    for tokens in samples:                # [sequences, length]
        statistics.sample(tokens)
    statistics.write("statistics.safetensors")
"""
import json
import re
import struct

import torch


class Statistics:
    def __init__(self, model, pattern=r"(^|\.)(layers|h|blocks)\.\d+\.", kinds=(torch.nn.Linear,)):
        self.model, self.sums, self.samples, self.length = model, {}, 0, 0
        self.hooks = [module.register_forward_pre_hook(self._observer(name)) for name, module in model.named_modules()
                      if isinstance(module, kinds) and re.search(pattern, name)]

    def _observer(self, name):
        def observe(module, inputs):
            columns = inputs[0].detach().reshape(-1, inputs[0].shape[-1]).float()
            squares = columns.pow(2).sum(0, dtype=torch.float64)
            self.sums[name] = self.sums[name] + squares if name in self.sums else squares
        return observe

    def sample(self, tokens):
        with torch.no_grad():
            self.model(tokens)
        self.samples, self.length = self.samples + tokens.shape[0], tokens.shape[1]

    def write(self, path):
        metadata = {"format": "wanda-cuda.statistics.v1", "samples": str(self.samples), "sequence_length": str(self.length)}
        header, data = {"__metadata__": metadata}, b""
        for name in sorted(self.sums):
            norms = (self.sums[name] / self.samples).sqrt().float().cpu().numpy().tobytes()
            header[name + ".input_norm"] = {"dtype": "F32", "shape": [len(norms) // 4], "data_offsets": [len(data), len(data) + len(norms)]}
            data += norms
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data)
        for hook in self.hooks:
            hook.remove()
