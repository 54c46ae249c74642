package io.github.wandacuda.evaluate;

import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.KeyValueCache;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * How fast tokens go through a packed model's blocks, with its weights as they are and unpacked.
 * Which is faster depends on how much a core computes while a byte comes from memory: packed
 * weights were 1.38 times as fast on a Xeon and 0.70 times on a Zen 5. So a few tokens are run
 * through the model's first blocks, in both ways in turns. To time a product alone misleads: by
 * that, unpacked weights once seemed 3.79 times as fast.
 *
 * @param packedSeconds the fastest token through the blocks with packed weights
 * @param denseSeconds with the same weights unpacked
 */
public record PackedSpeed(double packedSeconds, double denseSeconds) {
  /** The unpacked weights of the blocks that are tried, at least: more than most caches hold. */
  private static final long TRIED_BYTES = 128L << 20;

  /**
   * How many weights the products have by which code is compiled before it is measured. Until it is
   * compiled it takes hundreds of times as long.
   */
  private static final int FEW_WEIGHTS = 1 << 17;

  /**
   * How many rounds without a faster one it takes until code counts as compiled, on a busy machine
   * too.
   */
  private static final int COMPILED_ROUNDS = 500;

  /** How many tokens without a faster one it takes until blocks count as measured. */
  private static final int ROUNDS = 20;

  private static final long MOST_NANOS = 10_000_000_000L;

  /** A round counts as faster if it takes less than this share of the fastest so far. */
  private static final double FASTER = 0.8;

  private static final int CAPACITY = 64;
  private static final long ALIGNMENT = 64;
  private static final double NANOS = 1e9;

  /**
   * Measures with some twenty tokens. That takes ten seconds at most, and ten before for compiling.
   *
   * @param model packed or not
   * @param operations multiply the weights
   * @return nothing if no weight is packed that the operations multiply as it is
   */
  public static Optional<PackedSpeed> measure(ModelDirectory model, Operations operations) {
    List<PackedModule> modules =
        model
            .checkpoint()
            .tensors()
            .flatMap(entry -> PackedModule.of(entry).stream())
            .filter(module -> operations.multipliesSparse(module.dtype()))
            .toList();
    if (modules.isEmpty()) {
      return Optional.empty();
    }
    compile(
        modules.stream().min(Comparator.comparingLong(one -> one.weight().bytes())).orElseThrow(),
        operations);
    long bytes = modules.stream().mapToLong(module -> module.weight().bytes()).sum();
    DecoderFamily family = DecoderFamilies.of(model.config());
    int capacity = Math.min(CAPACITY, DecoderFamilies.shape(model).maximumLength());
    try (FirstBlocks packed =
            FirstBlocks.of(
                family.open(model, operations, WeightKeeping.RESIDENT), bytes, capacity);
        FirstBlocks dense =
            FirstBlocks.of(
                family.open(model, operations, WeightKeeping.RESIDENT_UNPACKED), bytes, capacity)) {
      return Optional.of(fastest(packed::seconds, dense::seconds, ROUNDS));
    }
  }

  /** Runs both kinds of products until they are compiled, by a few rows of a module. */
  private static void compile(PackedModule module, Operations operations) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate(module.weight().bytes(), ALIGNMENT);
      WeightMatrix all = WeightMatrix.of(bytes, module.dtype(), module.rows(), module.columns());
      module.matrix(arena).unpack(all);
      int rows = Math.clamp(FEW_WEIGHTS / module.columns(), 1, module.rows());
      WeightMatrix few = WeightMatrix.of(bytes, module.dtype(), rows, module.columns());
      try (Weight kept = operations.sparseWeight(SparseMatrix.pack(few));
          Weight unpacked = operations.residentWeight(few);
          Tensor x = operations.tensor(1, few.columns());
          Tensor out = operations.tensor(1, few.rows())) {
        float[] values = new float[few.columns()];
        Arrays.fill(values, 1);
        operations.upload(MemorySegment.ofArray(values), x);
        MemorySegment result = MemorySegment.ofArray(new float[few.rows()]);
        PackedSpeed unused =
            fastest(
                () -> seconds(operations, x, kept, out, result),
                () -> seconds(operations, x, unpacked, out, result),
                COMPILED_ROUNDS);
      }
    }
  }

  /**
   * Measures both in turns until neither got much faster for a number of rounds, or ten seconds are
   * over.
   *
   * @param packed runs once and returns the seconds
   * @param dense the same with unpacked weights
   */
  private static PackedSpeed fastest(DoubleSupplier packed, DoubleSupplier dense, int rounds) {
    long end = System.nanoTime() + MOST_NANOS;
    PackedSpeed speed = new PackedSpeed(Double.MAX_VALUE / 2, Double.MAX_VALUE / 2);
    for (int same = 0; same < rounds && System.nanoTime() < end; same++) {
      double least = speed.packedSeconds + speed.denseSeconds;
      speed =
          new PackedSpeed(
              Math.min(speed.packedSeconds, packed.getAsDouble()),
              Math.min(speed.denseSeconds, dense.getAsDouble()));
      if (speed.packedSeconds + speed.denseSeconds < FASTER * least) {
        same = 0;
      }
    }
    return speed;
  }

  /**
   * Returns how long a product takes. That includes taking the result from the device, since work
   * there may go on after the call.
   */
  private static double seconds(
      Operations operations, Tensor x, Weight weight, Tensor out, MemorySegment result) {
    long began = System.nanoTime();
    operations.linear(x, weight, null, out);
    operations.download(out, result);
    return (System.nanoTime() - began) / NANOS;
  }

  /** Returns whether unpacked weights are the faster ones. */
  public boolean isBetterUnpacked() {
    return packedSeconds > denseSeconds;
  }

  /** Returns how the weights are best kept, where there is memory for either. */
  public WeightKeeping faster() {
    return isBetterUnpacked() ? WeightKeeping.RESIDENT_UNPACKED : WeightKeeping.RESIDENT;
  }

  /** Returns how many times as fast packed weights are as unpacked ones. */
  public double packedTimesAsFast() {
    return denseSeconds / packedSeconds;
  }

  /** A decoder's first blocks, through which the same token goes again and again. */
  private static final class FirstBlocks implements AutoCloseable {
    private final Decoder decoder;
    private final List<Block> blocks = new ArrayList<>();
    private final KeyValueCache cache;
    private final Tensor hidden;
    private final MemorySegment result;

    private FirstBlocks(Decoder decoder, int capacity) {
      this.decoder = decoder;
      cache = decoder.cache(capacity);
      hidden = decoder.operations().tensor(1, decoder.hiddenSize());
      result = MemorySegment.ofArray(new float[decoder.hiddenSize()]);
    }

    /**
     * Opens as many blocks as have enough weights.
     *
     * @param decoder is closed with them
     * @param bytes of the unpacked weights of all blocks
     * @param capacity after how many tokens the sequence begins anew
     */
    static FirstBlocks of(Decoder decoder, long bytes, int capacity) {
      FirstBlocks first = OnFailure.close(decoder::close, () -> new FirstBlocks(decoder, capacity));
      long count = Math.ceilDiv(TRIED_BYTES * decoder.blocks(), bytes);
      OnFailure.run(
          first::close,
          () -> {
            for (int index = 0; index < Math.clamp(count, 1, decoder.blocks()); index++) {
              first.blocks.add(decoder.block(index));
            }
          });
      return first;
    }

    /** Runs the token once more behind those before it, and returns how long that took. */
    double seconds() {
      if (cache.length() == cache.capacity()) {
        cache.truncate(0);
      }
      decoder.embedNext(new int[] {0}, cache.length(), hidden);
      long began = System.nanoTime();
      blocks.forEach(block -> block.extend(hidden, cache));
      decoder.operations().download(hidden, result);
      double seconds = (System.nanoTime() - began) / NANOS;
      cache.append(1);
      return seconds;
    }

    @Override
    public void close() {
      blocks.forEach(Block::close);
      cache.close();
      hidden.close();
      decoder.close();
    }
  }
}
