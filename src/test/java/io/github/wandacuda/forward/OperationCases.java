package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.util.function.Consumer;
import java.util.function.Function;

/** What tests of operations share: they run work on a backend and compare what comes out. */
abstract class OperationCases {
  /** Columns on both sides of what fits into vectors, warps and runs. */
  static final int[] WIDTHS = {1, 2, 3, 7, 15, 16, 17, 31, 33, 255, 256, 257, 300};

  /** What is spoiled so rarely is sound. */
  static final int NEVER = Integer.MAX_VALUE;

  private final OpenedBackend backend;

  OperationCases(OpenedBackend backend) {
    this.backend = backend;
  }

  /** How far a result may be off. */
  interface Closeness {
    /**
     * Returns the largest error.
     *
     * @param expected the result
     * @param largest the largest magnitude of all results
     */
    double allowed(double expected, double largest);
  }

  final TestedBackend which() {
    return backend.which();
  }

  /**
   * Returns whether tensor cores multiply weights of a type, if there are more than a few tokens.
   */
  final boolean onTensorCores(DType dtype) {
    return dtype != DType.F32
        && (which() == TestedBackend.CUDA || which() == TestedBackend.CUDA_SM75);
  }

  /** Returns the specification. */
  final Operations scalar() {
    return backend.scalar();
  }

  /** Does the same with each of the backend's operations. */
  final void each(Function<Operands, CpuTensor> work, Consumer<CpuTensor> check) {
    for (Operations operations : backend.operations()) {
      check.accept(run(operations, work));
    }
  }

  private static CpuTensor run(Operations operations, Function<Operands, CpuTensor> work) {
    try (Operands operands = new Operands(operations)) {
      CpuTensor result = work.apply(operands);
      operands.checkMargins();
      return result;
    }
  }

  /**
   * Checks that the backend gives the bits of the scalar code; those of a NaN are left open.
   *
   * @param work makes its operands, the same each time, and returns its result
   */
  final void sameBits(String what, Function<Operands, CpuTensor> work) {
    int[] expected = Samples.bits(run(backend.scalar(), work));
    each(work, found -> assertThat(Samples.bits(found)).as(what).isEqualTo(expected));
  }

  /** Checks that the backend gives what the scalar code does; NaN where that is NaN. */
  final void close(String what, Closeness closeness, Function<Operands, CpuTensor> work) {
    CpuTensor expected = run(backend.scalar(), work);
    double largest = 0;
    for (int i = 0; i < expected.elements(); i++) {
      float value = expected.data()[expected.at(0) + i];
      largest = Float.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest;
    }
    double scale = largest;
    each(
        work,
        found -> {
          for (int i = 0; i < expected.elements(); i++) {
            double wanted = expected.data()[expected.at(0) + i];
            double is = found.data()[found.at(0) + i];
            boolean same = Double.compare(is, wanted) == 0;
            if (!same && !(Math.abs(is - wanted) <= closeness.allowed(wanted, scale))) {
              fail("%s, element %d: expected %s, found %s", what, i, wanted, is);
            }
          }
        });
  }

  /** Puts the bits of each double into four elements, 16 in each. */
  static CpuTensor bits(double[] values) {
    CpuTensor tensor = CpuTensor.zeros(values.length, 4);
    for (int i = 0; i < values.length; i++) {
      long bits = Double.doubleToLongBits(values[i]);
      for (int part = 0; part < 4; part++) {
        tensor.data()[4 * i + part] = (bits >>> (16 * part)) & 0xFFFF;
      }
    }
    return tensor;
  }

  static double at(CpuTensor tensor, int row, int column) {
    return tensor.data()[tensor.at(row) + column];
  }
}
