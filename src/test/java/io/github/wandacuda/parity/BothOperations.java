package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Function;

/** A backend's operations beside the scalar ones, which are the specification. */
final class BothOperations implements AutoCloseable {
  private final Workers workers = new Workers(2);
  private final Operations scalar = CpuOperations.checked(new ScalarForward(), workers, null);
  private final Operations own;
  private final Random random = new Random(11);

  BothOperations(Operations own) {
    this.own = own;
  }

  Operations scalar() {
    return scalar;
  }

  Operations own() {
    return own;
  }

  /** Returns normally distributed values. */
  float[] normal(int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }

  /** Returns normally distributed values, the first ones replaced by unusual ones. */
  float[] withEdges(int count, double deviation) {
    float[] values = normal(count, deviation);
    Samples.putEdges(values, 0, count);
    return values;
  }

  static Tensor tensor(Operations operations, int rows, int columns, float[] values) {
    Tensor tensor = operations.tensor(rows, columns);
    operations.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  static float[] values(Operations operations, Tensor tensor) {
    float[] values = new float[tensor.rows() * tensor.columns()];
    operations.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  /** Checks that both give the same bits; those of a NaN are left open. */
  void sameBits(String what, Function<Operations, float[]> work) {
    assertThat(bits(work.apply(own))).as(what).isEqualTo(bits(work.apply(scalar)));
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToIntBits(values[i]);
    }
    return bits;
  }

  /** Checks that no element differs by more than {@code tolerance} times the largest one. */
  void close(String what, double tolerance, Function<Operations, float[]> work) {
    float[] found = work.apply(own);
    float[] expected = work.apply(scalar);
    double scale = 0;
    for (float value : expected) {
      scale = Math.max(scale, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      assertThat((double) found[i])
          .as("%s, element %d", what, i)
          .isCloseTo(expected[i], offset(tolerance * scale));
    }
  }

  @Override
  public void close() {
    workers.close();
  }
}
