"""Prunes a matrix in PyTorch as the Wanda code does: METHOD DTYPE ROWSxCOLUMNS PER_ROW THREADS WEIGHTS NORMS PRUNED.

METHOD is `sort` (Wanda's own: scores in float32, a stable sort of each row, a scatter of its lowest) or `kthvalue` (the
same scores against each row's k-th smallest). WEIGHTS and NORMS are files of plain numbers; `write` prunes once and writes
the weights to PRUNED.
"""

import sys

import peer

try:
    import torch
except ImportError:
    peer.missing("PyTorch is not installed")

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


def scores(weight, scaler_row):
    return torch.abs(weight) * torch.sqrt(scaler_row.reshape((1, -1)))


def prune_by_sort(weight, scaler_row, per_row):
    metric = scores(weight, scaler_row)
    mask = torch.zeros_like(metric) == 1
    indices = torch.sort(metric, dim=-1, stable=True)[1][:, :per_row]
    mask.scatter_(1, indices, True)
    weight[mask] = 0


def prune_by_kthvalue(weight, scaler_row, per_row):
    metric = scores(weight, scaler_row)
    limits = torch.kthvalue(metric, per_row, dim=-1, keepdim=True)[0]
    weight[metric <= limits] = 0


METHODS = {"sort": prune_by_sort, "kthvalue": prune_by_kthvalue}


def main(method, dtype, shape, per_row, threads, weights, norms, pruned):
    torch.set_num_threads(int(threads))
    rows, columns = map(int, shape.split("x"))
    dense = torch.from_file(weights, size=rows * columns, dtype=DTYPES[dtype]).reshape(rows, columns)
    # The norm squared, of which Wanda takes the root: in float32 that gives back the norm itself.
    scaler_row = torch.from_file(norms, size=columns, dtype=torch.float32).square()
    weight = dense.clone()
    prune = METHODS[method]

    def once():
        weight.copy_(dense)
        return peer.timed(prune, weight, scaler_row, int(per_row))

    def write():
        once()
        weight.view(torch.uint8).numpy().tofile(pruned)

    facts = {"pytorch": f"{torch.__version__}, {torch.get_num_threads()} threads"}
    peer.serve(facts, once, {"write": write})


if __name__ == "__main__":
    main(*sys.argv[1:])
