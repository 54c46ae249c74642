package io.github.wandacuda.layerwise;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.Sparsity.GroupPattern;
import io.github.wandacuda.Sparsity.Ratio;
import io.github.wandacuda.scalar.ColumnBlock;
import io.github.wandacuda.scalar.SparseGptKernels;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;

/** Prunes one block of columns after the other, its rows shared out to workers. */
final class SparseGptBlock {
  private static final int ROWS_PER_TASK = 2 * SparseGptKernels.ROWS;

  private final SparseGptKernels kernels;
  private final WeightRows rows;
  private final MemorySegment mask;
  private final WorkerPool workers;
  private final long maskRowBytes;
  private final Scratch[] scratches;
  private final SortedKeys counts;

  private int first;
  private ColumnBlock block;
  private Sparsity sparsity;
  private int threshold;
  private int[] keys = {};

  /** A worker's buffers. */
  private static final class Scratch {
    final float[] weights;
    final float[] changes;
    final long[] kept;

    Scratch(int width) {
      weights = new float[ROWS_PER_TASK * ColumnBlock.stride(width)];
      changes = new float[weights.length];
      kept = new long[ROWS_PER_TASK * Math.ceilDiv(width, Long.SIZE)];
    }
  }

  /**
   * Makes room.
   *
   * @param widest columns of the widest block
   */
  SparseGptBlock(
      SparseGptKernels kernels,
      WeightRows rows,
      MemorySegment mask,
      int widest,
      WorkerPool workers) {
    this.kernels = kernels;
    this.rows = rows;
    this.mask = mask;
    this.workers = workers;
    maskRowBytes = Math.ceilDiv(rows.columns(), Byte.SIZE);
    scratches = new Scratch[workers.count()];
    for (int worker = 0; worker < scratches.length; worker++) {
      scratches[worker] = new Scratch(widest);
    }
    counts = new SortedKeys(workers.count());
  }

  /** Begins the block from a column on: finds its threshold, if the sparsity has one. */
  void begin(int firstColumn, ColumnBlock columns, Sparsity asked) {
    first = firstColumn;
    block = columns;
    sparsity = asked;
    if (asked instanceof Ratio ratio) {
      int elements = Math.multiplyExact(rows.count(), block.width());
      countKeys(elements);
      threshold = counts.at((int) ratio.of(elements), keys, elements, workers);
    }
  }

  private void countKeys(int elements) {
    if (keys.length < elements) {
      keys = new int[elements];
    }
    counts.clear();
    workers.runRanges(
        rows.count(),
        ROWS_PER_TASK,
        (worker, from, to) -> {
          float[] weights = scratches[worker].weights;
          read(from, to, weights);
          int at = from * block.width();
          kernels.keys(weights, to - from, block, keys, at);
          counts.add(worker, keys, at, to * block.width());
        });
  }

  /**
   * Prunes rows {@code from} to {@code to - 1} of the block.
   *
   * @param changes takes their changes, dense
   * @return how many weights are pruned
   */
  long prune(int from, int to, MemorySegment changes) {
    LongAdder pruned = new LongAdder();
    workers.runRanges(
        to - from,
        ROWS_PER_TASK,
        (worker, start, end) -> {
          Scratch scratch = scratches[worker];
          read(from + start, from + end, scratch.weights);
          prune(end - start, scratch);
          for (int row = start; row < end; row++) {
            int at = (row - start) * block.stride();
            rows.write(scratch.weights, at, from + row, first, block.width());
            long to0 = (long) row * block.width() * Float.BYTES;
            MemorySegment.copy(scratch.changes, at, changes, FLOAT, to0, block.width());
            pruned.add(writeKept(from + row, scratch.kept, (row - start) * block.words()));
          }
        });
    return pruned.sum();
  }

  private void read(int from, int to, float[] weights) {
    for (int row = from; row < to; row++) {
      rows.read(row, first, block.width(), weights, (row - from) * block.stride());
    }
  }

  private void prune(int count, Scratch scratch) {
    float[] weights = scratch.weights;
    if (sparsity instanceof GroupPattern pattern) {
      kernels.pruneGroups(
          pattern.pruned(), pattern.size(), weights, count, block, scratch.changes, scratch.kept);
    } else {
      kernels.pruneAtMost(threshold, weights, count, block, scratch.changes, scratch.kept);
    }
  }

  /** Writes a row's bits, and returns how many weights are pruned. */
  private int writeKept(int row, long[] kept, int at) {
    KeptBits.write(mask, row * maskRowBytes, first, block.width(), kept, at);
    int count = block.width();
    for (int word = 0; word < block.words(); word++) {
      count -= Long.bitCount(kept[at + word]);
    }
    return count;
  }
}
