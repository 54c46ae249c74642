"""Times what Wanda (Sun et al., arXiv 2306.11695) does in PyTorch, on the shapes of our own kernels.

Writes kernels-torch.json: rows with the labels of kernels-cuda.json, so that the report can pair them. Selection is a
stable sort of each row's scores, or one topk for each group of columns; norms are those of the inputs in float32.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import sys
import time
import traceback

DEVIATION = 0.02
DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
NORMAL = "normal"


def main():
    arguments = parse()
    result = {
        "phase": "kernels-torch",
        "small": arguments.small,
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "environment": {},
        "status": "done",
        "reason": "",
        "rows": [],
    }
    start = time.monotonic()

    def write(**changes):
        file = arguments.results / "kernels-torch.json"
        part = file.with_suffix(".part")
        part.write_text(json.dumps(result | {"seconds": time.monotonic() - start} | changes, indent=2))
        part.rename(file)

    try:
        measure_all(arguments, result, start + arguments.seconds, write)
    except Exception as e:  # Whatever it is, the report has to say it.
        traceback.print_exc()
        result.update(status="failed", reason=f"{type(e).__name__}: {e}")
    write()
    print(f"kernels-torch: {result['status']} {result['reason']}")
    return 1 if result["status"] == "failed" else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", type=pathlib.Path, required=True)
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--small", action="store_true")
    return parser.parse_args()


def measure_all(arguments, result, deadline, write):
    try:
        import torch
    except ImportError as e:
        result.update(status="not run", reason=f"PyTorch can't be loaded: {e}")
        return
    if torch.cuda.is_available():
        clock = CudaClock(torch)
    elif arguments.small:
        clock = CpuClock(torch)
    else:
        result.update(status="not run", reason="PyTorch sees no CUDA device")
        return
    result["device"] = clock.name
    result["environment"] = {
        "gpu": clock.name,
        "torch": torch.__version__,
        "cuda of torch": str(torch.version.cuda),
        "python": sys.version.split()[0],
    }
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(0)
    shapes = json.loads(arguments.shapes.read_text())["small" if arguments.small else "full"]
    for label, prepare in cases(torch, shapes, clock.device):
        row = dict(zip(("kernel", "shape", "dtype", "data"), label))
        # What is left should this process end here.
        write(status="failed", reason=f"ended within {row}")
        if time.monotonic() > deadline:
            row["not_run"] = "the phase's time was over"
        else:
            measure(torch, clock, shapes["repetitions"], prepare, row)
        if "not_run" in row and result["status"] == "done":
            result.update(status="incomplete", reason=row["not_run"])
        result["rows"].append(row)
        print(row, flush=True)


def measure(torch, clock, repetitions, prepare, row):
    try:
        work, reset = prepare()
        times = clock.times(work, reset, repetitions)
        row["milliseconds"] = {"median": statistics.median(times), "min": min(times), "max": max(times)}
    except torch.OutOfMemoryError as e:
        row["not_run"] = str(e).splitlines()[0]


class CudaClock:
    """Times by events on the device, each run alone, after two that don't count."""

    device = "cuda"

    def __init__(self, torch):
        self.torch = torch
        self.name = torch.cuda.get_device_name()

    def times(self, work, reset, repetitions):
        times = []
        for run in range(repetitions + 2):
            reset()
            start = self.torch.cuda.Event(enable_timing=True)
            end = self.torch.cuda.Event(enable_timing=True)
            self.torch.cuda.synchronize()
            start.record()
            work()
            end.record()
            end.synchronize()
            if run >= 2:
                times.append(start.elapsed_time(end))
        self.torch.cuda.empty_cache()
        return times


class CpuClock:
    """Times by the host's clock, to test this script where there is no GPU."""

    device = "cpu"

    def __init__(self, torch):
        self.name = "cpu"

    def times(self, work, reset, repetitions):
        times = []
        for _ in range(repetitions):
            reset()
            start = time.perf_counter()
            work()
            times.append((time.perf_counter() - start) * 1e3)
        return times


def cases(torch, shapes, device):
    """Yields labels, and what prepares a case: functions that do the work and that undo it."""
    for rows, columns in shapes["select"]:
        for dtype in DTYPES:
            label = (f"{rows}x{columns}", dtype, NORMAL)
            weights = WeightCase(torch, rows, columns, getattr(torch, DTYPES[dtype]), device)
            yield ("select 50 %", *label), lambda case=weights: case.prepare(case.prune_rows)
            yield ("select 2:4", *label), lambda case=weights: case.prepare(lambda: case.prune_groups(2, 4))
            yield ("select 4:8", *label), lambda case=weights: case.prepare(lambda: case.prune_groups(4, 8))
    for tokens, columns in shapes["column_squares"]:
        label = ("column squares", f"{tokens}x{columns}", "F32", NORMAL)
        yield label, lambda size=(tokens, columns): column_squares(torch, size, device)
    for tokens, columns in shapes["second_moments"]:
        label = ("second moments", f"{tokens}x{columns}", "F32", NORMAL)
        yield label, lambda size=(tokens, columns): second_moments(torch, size, device)
    for tokens, inputs, outputs in shapes["linear"]:
        for dtype in DTYPES:
            label = ("linear", f"{tokens}x{inputs}x{outputs}", dtype, NORMAL)
            size = (tokens, inputs, outputs, getattr(torch, DTYPES[dtype]))
            yield label, lambda size=size: linear(torch, size, device)
    for tokens, heads, head_size in shapes["attention"]:
        label = ("attention", f"{tokens}x{heads}x{head_size}", "F32", NORMAL)
        yield label, lambda size=(1, heads, tokens, head_size): attention(torch, size, device)


def nothing():
    pass


class WeightCase:
    """A weight to prune, with the mean squares of its inputs."""

    def __init__(self, torch, rows, columns, dtype, device):
        self.torch = torch
        self.size = (rows, columns)
        self.dtype = dtype
        self.device = device

    def prepare(self, prune):
        torch = self.torch
        self.dense = (torch.randn(self.size, device=self.device) * DEVIATION).to(self.dtype)
        self.weight = self.dense.clone()
        self.mean_squares = torch.exp(2 * torch.randn(self.size[1], device=self.device))
        prune()
        zeros = (self.weight == 0).sum(dim=1)
        if not bool((zeros >= self.size[1] // 2).all()):
            raise AssertionError("some row has fewer zeros than were asked for")
        return prune, lambda: self.weight.copy_(self.dense)

    def scores(self):
        return self.weight.abs() * self.mean_squares.sqrt().unsqueeze(0)

    def prune_rows(self):
        order = self.torch.sort(self.scores(), dim=-1, stable=True).indices
        lowest = order[:, : self.size[1] // 2]
        mask = self.torch.zeros(self.size, dtype=self.torch.bool, device=self.device)
        self.weight[mask.scatter_(1, lowest, True)] = 0

    def prune_groups(self, pruned, size):
        scores = self.scores()
        mask = self.torch.zeros(self.size, dtype=self.torch.bool, device=self.device)
        for first in range(0, self.size[1], size):
            lowest = scores[:, first : first + size].topk(pruned, dim=1, largest=False).indices
            mask.scatter_(1, lowest + first, True)
        self.weight[mask] = 0


def column_squares(torch, size, device):
    inputs = torch.randn(size, device=device).t()
    sums = torch.zeros(size[1], device=device)
    return lambda: sums.add_(torch.linalg.vector_norm(inputs.float(), dim=1).square()), nothing


def second_moments(torch, size, device):
    inputs = torch.randn(size, device=device)
    sums = torch.zeros((size[1], size[1]), device=device)
    return lambda: sums.addmm_(inputs.t(), inputs), nothing


def linear(torch, size, device):
    tokens, inputs, outputs, dtype = size
    x = torch.randn(tokens, inputs, device=device).to(dtype)
    weight = (torch.randn(outputs, inputs, device=device) * DEVIATION).to(dtype)
    return lambda: torch.matmul(x, weight.t()), nothing


def attention(torch, size, device):
    q, k, v = (torch.randn(size, device=device) for _ in range(3))
    attend = torch.nn.functional.scaled_dot_product_attention
    return lambda: attend(q, k, v, is_causal=True), nothing


if __name__ == "__main__":
    sys.exit(main())
