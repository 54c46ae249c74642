package io.github.wandacuda.evaluate;

import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;

/**
 * How fast one token goes through a packed model's weights as they are and unpacked, measured with
 * one of its modules. Which is faster depends on how much a core computes while a byte comes from
 * memory: packed weights were 1.38 times as fast on a Xeon and 0.84 times on a Zen 5.
 *
 * @param packedSeconds the fastest product of a row with the packed weight
 * @param denseSeconds with the same weight unpacked
 */
public record PackedSpeed(double packedSeconds, double denseSeconds) {
  /** The module's weights, unpacked, at most: more than caches hold, in a few milliseconds. */
  private static final long MOST_BYTES = 64L << 20;

  /** Weights by which code is compiled first: until then it takes hundreds of times as long. */
  private static final int FEW_WEIGHTS = 1 << 17;

  /** Rounds after which code that got no faster is taken to be compiled, on a busy machine too. */
  private static final int COMPILED_ROUNDS = 500;

  private static final int ROUNDS = 20;
  private static final long MOST_NANOS = 10_000_000_000L;
  private static final double FASTER = 0.8;

  /** What unpacking must gain, since measuring isn't exact and sums are rounded otherwise then. */
  private static final double WORTH_IT = 1.1;

  private static final long ALIGNMENT = 64;
  private static final double NANOS = 1e9;

  /** Measures; nothing if no weight is packed that the operations multiply as it is. */
  public static Optional<PackedSpeed> measure(Checkpoint checkpoint, Operations operations) {
    return checkpoint
        .tensors()
        .flatMap(entry -> PackedModule.of(entry).stream())
        .filter(module -> operations.multipliesSparse(module.dtype()))
        .max(Comparator.comparingLong(PackedSpeed::size))
        .map(module -> measure(module, operations));
  }

  /** Ranks modules: the largest that isn't too large is best, then the smallest of the others. */
  private static long size(PackedModule module) {
    long bytes = module.weight().bytes();
    return bytes <= MOST_BYTES ? bytes : -bytes;
  }

  private static PackedSpeed measure(PackedModule module, Operations operations) {
    try (Arena arena = Arena.ofShared()) {
      SparseMatrix packed = module.matrix(arena);
      MemorySegment bytes = arena.allocate(module.weight().bytes(), ALIGNMENT);
      WeightMatrix dense = WeightMatrix.of(bytes, module.dtype(), module.rows(), module.columns());
      packed.unpack(dense);
      int rows = Math.clamp(FEW_WEIGHTS / module.columns(), 1, module.rows());
      WeightMatrix few = WeightMatrix.of(bytes, module.dtype(), rows, module.columns());
      PackedSpeed unused = measure(SparseMatrix.pack(few), few, operations, COMPILED_ROUNDS);
      return measure(packed, dense, operations, ROUNDS);
    }
  }

  /** Takes the least times until none was less for so many rounds. */
  private static PackedSpeed measure(
      SparseMatrix packed, WeightMatrix dense, Operations operations, int rounds) {
    try (Weight kept = operations.sparseWeight(packed);
        Weight unpacked = operations.residentWeight(dense);
        Tensor x = operations.tensor(1, dense.columns());
        Tensor out = operations.tensor(1, dense.rows())) {
      float[] values = new float[dense.columns()];
      Arrays.fill(values, 1);
      operations.upload(MemorySegment.ofArray(values), x);
      MemorySegment result = MemorySegment.ofArray(new float[dense.rows()]);
      long end = System.nanoTime() + MOST_NANOS;
      PackedSpeed speed = new PackedSpeed(Double.MAX_VALUE / 2, Double.MAX_VALUE / 2);
      for (int same = 0; same < rounds && System.nanoTime() < end; same++) {
        double least = speed.packedSeconds + speed.denseSeconds;
        speed =
            new PackedSpeed(
                Math.min(speed.packedSeconds, seconds(operations, x, kept, out, result)),
                Math.min(speed.denseSeconds, seconds(operations, x, unpacked, out, result)));
        if (speed.packedSeconds + speed.denseSeconds < FASTER * least) {
          same = 0;
        }
      }
      return speed;
    }
  }

  /** Takes the result from the device, since work there may go on after the call. */
  private static double seconds(
      Operations operations, Tensor x, Weight weight, Tensor out, MemorySegment result) {
    long began = System.nanoTime();
    operations.linear(x, weight, null, out);
    operations.download(out, result);
    return (System.nanoTime() - began) / NANOS;
  }

  /** Returns whether the weights are better unpacked, where there is memory for that. */
  public boolean isBetterUnpacked() {
    return packedSeconds > WORTH_IT * denseSeconds;
  }

  /** Returns how many times as fast packed weights are as unpacked ones. */
  public double packedTimesAsFast() {
    return denseSeconds / packedSeconds;
  }
}
