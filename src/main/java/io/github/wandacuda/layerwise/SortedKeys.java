package io.github.wandacuda.layerwise;

import io.github.wandacuda.system.WorkerPool;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Finds the key at an index of the sorted keys without sorting them: counts how many have the same
 * upper bits, then looks only at those that share them with the key in question.
 */
final class SortedKeys {
  private static final int KEY_BITS = 31;
  private static final int UPPER_BITS = 12;
  private static final int LOWER_BITS = KEY_BITS - UPPER_BITS;

  /** Keys of a task: some microseconds of work. */
  private static final int KEYS_PER_TASK = 1 << 15;

  private final int[][] counts;
  private int[] candidates = {};

  /** Makes counts for keys that several workers count, all 0. */
  SortedKeys(int workers) {
    counts = new int[workers][1 << UPPER_BITS];
  }

  /** Forgets all keys. */
  void clear() {
    for (int[] each : counts) {
      Arrays.fill(each, 0);
    }
  }

  /** Counts keys of one worker. */
  void add(int worker, int[] keys, int from, int to) {
    int[] mine = counts[worker];
    for (int i = from; i < to; i++) {
      mine[keys[i] >>> LOWER_BITS]++;
    }
  }

  /**
   * Returns the key at an index of the sorted keys.
   *
   * @param keys those that were counted, in any order, none negative
   * @param count how many they are
   * @param index from 0, less than {@code count}
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
