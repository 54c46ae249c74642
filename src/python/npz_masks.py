"""Turns the masks of MaskLLM, an .npz of NumPy's, into a file for wanda-cuda's --method masks. Needs NumPy.

    python3 npz_masks.py MASKS.npz MODEL_DIRECTORY MASKS.safetensors

The archive has an array <weight>.mask for each weight: packbits of the flattened mask, most significant bit first, 1 = kept.
Arrays of Python objects are refused, since reading them would run code.
"""
import hashlib
import json
import pathlib
import struct
import sys

import numpy


def main(archive, model, output):
    model = pathlib.Path(model)
    config = (model / "config.json").read_bytes()
    index = model / "model.safetensors.index.json"
    shards = sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists() else ["model.safetensors"]
    digest, shapes = hashlib.sha256(config), {}
    for shard in shards:
        with open(model / shard, "rb") as file:
            start = file.read(8)
            header = file.read(struct.unpack("<Q", start)[0])
        digest.update(b"%s %d\n" % (shard.encode(), (model / shard).stat().st_size) + start + header)
        shapes.update({name: tensor["shape"] for name, tensor in json.loads(header).items() if name != "__metadata__"})

    header, data = {"__metadata__": {"format": "wanda-cuda.masks.v1", "source_sha256": digest.hexdigest()}}, []
    place = 0
    for name, flat in sorted(numpy.load(archive, allow_pickle=False).items()):
        weight = name.removesuffix(".mask")
        kept = numpy.unpackbits(flat, count=numpy.prod(shapes[weight])).reshape(shapes[weight])
        if json.loads(config)["model_type"] == "gpt2":
            kept = kept.T  # Its weights are [columns, rows].
        rows = numpy.packbits(kept, axis=1, bitorder="little")
        module = weight.removesuffix(".weight") + ".mask"
        header[module] = {"dtype": "U8", "shape": list(rows.shape), "data_offsets": [place, place + rows.size]}
        data.append(rows.tobytes())
        place += rows.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(output, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
