package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/** The specification, on arrays. */
final class ScalarOperations implements AutoCloseable {
  /** Values that round, overflow and vanish on the way through a sigmoid. */
  private static final float[] EDGES = {
    0f,
    -0f,
    1e-40f,
    -1e-40f,
    Float.MIN_NORMAL,
    88.7f,
    -88.7f,
    -104.5f,
    200f,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN
  };

  private final Workers workers = new Workers(1);
  final Operations operations = CpuOperations.checked(new ScalarForward(), workers, null);

  Tensor tensor(float[] values, int columns) {
    Tensor tensor = operations.tensor(values.length / columns, columns);
    operations.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  float[] read(Tensor tensor) {
    float[] values = new float[tensor.rows() * tensor.columns()];
    operations.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  /** Returns normally distributed values. */
  static float[] random(int count, double deviation, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian(0, deviation);
    }
    return values;
  }

  /** Returns normally distributed values, the first ones replaced by unusual ones. */
  static float[] withEdges(int count, long seed) {
    float[] values = random(count, 3, seed);
    System.arraycopy(EDGES, 0, values, 0, Math.min(count, EDGES.length));
    return values;
  }

  /** Returns what to compare where bits count, but not those of a NaN. */
  static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToIntBits(values[i]);
    }
    return bits;
  }

  @Override
  public void close() {
    workers.close();
  }
}
