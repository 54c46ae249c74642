"""Times OpenBLAS's sgemm: TOKENSxOUTPUTSxINPUTS THREADS INPUTS WEIGHTS OUTPUTS.

INPUTS is a file of float32 [tokens, inputs], WEIGHTS of float32 [outputs, inputs]; `write` multiplies once and writes
[tokens, outputs] to OUTPUTS. The library is called by ctypes alone, so nothing but OpenBLAS is needed.
"""

import ctypes
import mmap
import sys

import peer

LIBRARY = "libopenblas.so.0"
ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE = 101, 111, 112


def load():
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        peer.missing(LIBRARY + " is not installed")
    library.openblas_get_config.restype = ctypes.c_char_p
    library.openblas_get_corename.restype = ctypes.c_char_p
    return library


def floats(file, count):
    with open(file, "rb") as opened:
        content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    return (ctypes.c_float * count).from_buffer(content)


def main(sizes, threads, inputs_file, weights_file, outputs_file):
    tokens, outputs, inputs = map(int, sizes.split("x"))
    library = load()
    library.openblas_set_num_threads(int(threads))
    x = floats(inputs_file, tokens * inputs)
    weight = floats(weights_file, outputs * inputs)
    out = (ctypes.c_float * (tokens * outputs))()

    def multiply():
        library.cblas_sgemm(
            ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, tokens, outputs, inputs,
            ctypes.c_float(1), x, inputs, weight, inputs, ctypes.c_float(0), out, outputs,
        )  # fmt: skip

    def write():
        multiply()
        with open(outputs_file, "wb") as opened:
            opened.write(out)

    config = library.openblas_get_config().decode().strip()
    core = library.openblas_get_corename().decode()
    facts = {"openblas": f"{config}, core {core}, {library.openblas_get_num_threads()} threads"}
    peer.serve(facts, lambda: peer.timed(multiply), {"write": write})


if __name__ == "__main__":
    main(*sys.argv[1:])
