package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.Sparsity.GroupPattern;
import io.github.wandacuda.Sparsity.Ratio;
import io.github.wandacuda.scalar.ColumnBlock;
import io.github.wandacuda.scalar.SparseGptKernels;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/** Prunes one block of columns after the other in host memory, its rows shared out to workers. */
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

  /** A worker's buffers, for the rows of a task. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Scratch(float[] weights, float[] changes, long[] kept) {
    static Scratch of(int width) {
      int elements = ROWS_PER_TASK * ColumnBlock.stride(width);
      return new Scratch(
          new float[elements],
          new float[elements],
          new long[ROWS_PER_TASK * Math.ceilDiv(width, Long.SIZE)]);
    }
  }

  /**
   * Makes room.
   *
   * @param rows of the weights, changed in place
   * @param mask takes the packed mask
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
      scratches[worker] = Scratch.of(widest);
    }
    counts = new SortedKeys(workers.count());
  }

  /**
   * Begins a block: finds its threshold, if the sparsity has one.
   *
   * @param firstColumn where it begins in the layer
   * @param columns the block
   * @param asked how much goes
   */
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
   * @param changes takes their changes, in dense rows of the block's width
   */
  void prune(int from, int to, MemorySegment changes) {
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
            writeKept(from + row, scratch.kept, (row - start) * block.words());
          }
        });
  }

  private void read(int from, int to, float[] weights) {
    for (int row = from; row < to; row++) {
      rows.matrix().read(row, first, block.width(), weights, (row - from) * block.stride());
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

  /** Writes the bits of a row's columns in the block to the mask. */
  private void writeKept(int row, long[] kept, int at) {
    for (int column = 0; column < block.width(); column++) {
      long place = row * maskRowBytes + (first + column) / Byte.SIZE;
      int bit = 1 << (first + column) % Byte.SIZE;
      int others = mask.get(ValueLayout.JAVA_BYTE, place) & ~bit;
      boolean keeps = (kept[at + column / Long.SIZE] >>> column & 1) != 0;
      mask.set(ValueLayout.JAVA_BYTE, place, (byte) (keeps ? others | bit : others));
    }
  }

  /**
   * Finds the key at an index of the sorted keys without sorting them: counts how many have the
   * same upper bits, then looks only at those that share them with the key in question.
   */
  private static final class SortedKeys {
    private static final int KEY_BITS = 31;
    private static final int UPPER_BITS = 12;
    private static final int LOWER_BITS = KEY_BITS - UPPER_BITS;

    /** Keys of a task: some microseconds of work. */
    private static final int KEYS_PER_TASK = 1 << 15;

    private final int[][] counts;
    private int[] candidates = {};

    /**
     * Makes counts for keys, all 0.
     *
     * @param workers how many count them
     */
    SortedKeys(int workers) {
      counts = new int[workers][1 << UPPER_BITS];
    }

    /** Forgets all keys. */
    void clear() {
      for (int[] each : counts) {
        Arrays.fill(each, 0);
      }
    }

    /** Counts some keys, for one worker. */
    void add(int worker, int[] keys, int from, int to) {
      int[] mine = counts[worker];
      for (int i = from; i < to; i++) {
        mine[keys[i] >>> LOWER_BITS]++;
      }
    }

    /**
     * Returns the key at an index of the sorted keys.
     *
     * @param index from 0, less than {@code count}
     * @param keys those that were counted, in any order, none negative
     * @param count how many they are
     */
    int at(int index, int[] keys, int count, WorkerPool workers) {
      int upper = 0;
      int before = 0;
      int same = total(0);
      while (before + same <= index) {
        before += same;
        upper++;
        same = total(upper);
      }
      gather(upper, same, keys, count, workers);
      return upper << LOWER_BITS | lowerBits(same, index - before);
    }

    private int total(int upper) {
      int sum = 0;
      for (int[] each : counts) {
        sum += each[upper];
      }
      return sum;
    }

    /** Copies the keys with these upper bits to the candidates, in whatever order. */
    private void gather(int upper, int same, int[] keys, int count, WorkerPool workers) {
      if (candidates.length < same) {
        candidates = new int[same];
      }
      AtomicInteger taken = new AtomicInteger();
      workers.runRanges(
          count,
          KEYS_PER_TASK,
          (worker, from, to) -> {
            int[] found = new int[to - from];
            int size = 0;
            for (int i = from; i < to; i++) {
              // Without a branch, which would be foretold wrongly for some of the keys.
              found[size] = keys[i];
              size += keys[i] >>> LOWER_BITS == upper ? 1 : 0;
            }
            System.arraycopy(found, 0, candidates, taken.getAndAdd(size), size);
          });
    }

    /** Returns the lower bits of the candidate at an index of the sorted ones, bit by bit. */
    private int lowerBits(int size, int index) {
      int from = 0;
      int to = size;
      int at = index;
      int found = 0;
      for (int bit = 1 << (LOWER_BITS - 1); bit != 0; bit >>= 1) {
        int zeros = partition(from, to, bit);
        if (at < zeros) {
          to = from + zeros;
        } else {
          found |= bit;
          from += zeros;
          at -= zeros;
        }
      }
      return found;
    }

    /** Puts the candidates without a bit before those with it, and returns how many lack it. */
    private int partition(int from, int to, int bit) {
      int end = from;
      for (int i = from; i < to; i++) {
        int key = candidates[i];
        candidates[i] = candidates[end];
        candidates[end] = key;
        end += (key & bit) == 0 ? 1 : 0;
      }
      return end - from;
    }
  }
}
