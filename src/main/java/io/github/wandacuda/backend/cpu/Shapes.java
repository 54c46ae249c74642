package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Tensor;

/** Checks of what the forward operations are given; all throw {@link IllegalArgumentException}. */
final class Shapes {
  private Shapes() {}

  /** Returns the tensor as the one that this backend made. */
  static CpuTensor own(Tensor tensor) {
    if (tensor instanceof CpuTensor own) {
      return own;
    }
    throw new IllegalArgumentException("a tensor of another backend");
  }

  /** Checks one size. */
  static void same(String what, int expected, int found) {
    if (expected != found) {
      throw new IllegalArgumentException(
          "%s: expected %d, found %d".formatted(what, expected, found));
    }
  }

  /** Checks a tensor's both sizes. */
  static void size(String what, CpuTensor tensor, int rows, int columns) {
    if (tensor.rows() != rows || tensor.columns() != columns) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d, found %d x %d"
              .formatted(what, rows, columns, tensor.rows(), tensor.columns()));
    }
  }

  /** Checks that an output shares no element with an input. */
  static void apart(String what, CpuTensor input, CpuTensor out) {
    if (out.overlaps(input)) {
      throw new IllegalArgumentException("%s overlaps the result".formatted(what));
    }
  }

  /** Checks that each index is from 0 to {@code bound - 1}. */
  static void indices(String what, int[] indices, int bound) {
    for (int i = 0; i < indices.length; i++) {
      if (indices[i] < 0 || indices[i] >= bound) {
        throw new IllegalArgumentException(
            "%s %d is %d; there are %d".formatted(what, i, indices[i], bound));
      }
    }
  }
}
