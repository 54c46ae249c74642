package io.github.wandacuda.bench.cases;

import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Sums floats, each thread a share of them: what a pass over activations can't be faster than. */
public final class ReadCase implements AutoCloseable {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /** Sums side by side, since one alone would wait for the adder and not for memory. */
  private static final int SUMS = 4;

  private static final int STEP = SUMS * SPECIES.vectorByteSize();

  private final Arena arena = Arena.ofShared();
  private final MemorySegment floats;
  private final Workers workers;
  private final float[] sums;

  /** Makes {@code rows} rows of ones. */
  public ReadCase(int rows, int columns, int threads) {
    long bytes = (long) rows * columns * Float.BYTES;
    floats = arena.allocate(bytes / STEP * STEP, STEP);
    fillWithOnes();
    workers = new Workers(threads);
    sums = new float[threads];
  }

  private void fillWithOnes() {
    float[] ones = new float[STEP / Float.BYTES];
    Arrays.fill(ones, 1);
    for (long at = 0; at < floats.byteSize(); at += STEP) {
      MemorySegment.copy(MemorySegment.ofArray(ones), 0, floats, at, STEP);
    }
  }

  /** Reads everything and returns the sum. */
  public float run() {
    long steps = floats.byteSize() / STEP;
    int count = workers.count();
    workers.run(
        count,
        (worker, part) ->
            sums[part] = sum(steps * part / count * STEP, steps * (part + 1) / count * STEP));
    float total = 0;
    for (float sum : sums) {
      total += sum;
    }
    return total;
  }

  private float sum(long from, long to) {
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    int vector = SPECIES.vectorByteSize();
    for (long at = from; at < to; at += STEP) {
      a = a.add(load(at));
      b = b.add(load(at + vector));
      c = c.add(load(at + 2L * vector));
      d = d.add(load(at + 3L * vector));
    }
    return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
  }

  private FloatVector load(long at) {
    return FloatVector.fromMemorySegment(SPECIES, floats, at, ByteOrder.nativeOrder());
  }

  /** Returns the bytes that a run reads. */
  public long bytes() {
    return floats.byteSize();
  }

  /**
   * Reads once and compares.
   *
   * @throws IllegalStateException if the sum is wrong
   */
  public void check() {
    float expected = floats.byteSize() / Float.BYTES;
    float found = run();
    if (Math.abs(found - expected) > 1e-5 * expected) {
      throw new IllegalStateException("the sum of ones is %s, not %s".formatted(found, expected));
    }
  }

  @Override
  public void close() {
    workers.close();
    arena.close();
  }
}
