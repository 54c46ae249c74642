"""Safetensors shards: read into tensors, and written again with some of them changed."""

import json
import pathlib
import shutil

import numpy
import torch

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


class Shard:
    """A file. `tensors` are views of its bytes, by name."""

    def __init__(self, path):
        self.path = path
        content = torch.from_numpy(numpy.fromfile(path, dtype=numpy.uint8))
        header_length = int.from_bytes(content[:8].numpy().tobytes(), "little")
        self.start = content[: 8 + header_length]
        data = content[8 + header_length :]
        header = json.loads(self.start[8:].numpy().tobytes())
        header.pop("__metadata__", None)
        self.entries = sorted(header.items(), key=lambda entry: entry[1]["data_offsets"])
        self.tensors = {}
        for name, entry in self.entries:
            begin, end = entry["data_offsets"]
            # A copy where the data is not aligned to its type.
            values = data[begin:end].clone().view(DTYPES[entry["dtype"]])
            self.tensors[name] = values.reshape(entry["shape"])

    def write(self, path, changed):
        with open(path, "wb") as file:
            file.write(self.start.numpy())
            for name, _ in self.entries:
                tensor = self.tensors[name]
                if name in changed:
                    tensor = changed[name].to(tensor.dtype)
                file.write(tensor.contiguous().view(-1).view(torch.uint8).numpy())


class Checkpoint:
    """A model's directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.config = json.loads((self.directory / "config.json").read_text())
        self.shards = [Shard(path) for path in sorted(self.directory.glob("*.safetensors"))]
        self.tensors = {name: tensor for shard in self.shards for name, tensor in shard.tensors.items()}

    def write(self, directory, changed):
        """Writes all of it, with the tensors of `changed` in their places and in the type that they had."""
        target = pathlib.Path(directory)
        target.mkdir()
        for shard in self.shards:
            shard.write(target / shard.path.name, changed)
        for path in self.directory.glob("*.json"):
            shutil.copy(path, target)
