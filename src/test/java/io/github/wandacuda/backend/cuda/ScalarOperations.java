package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.backend.cpu.ScalarForward;
import io.github.wandacuda.parallel.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/** The specification, on arrays. */
final class ScalarOperations implements AutoCloseable {
  private final Workers workers = new Workers(1);
  final Operations operations = new CpuOperations(new ScalarForward(), workers);

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

  @Override
  public void close() {
    workers.close();
  }
}
