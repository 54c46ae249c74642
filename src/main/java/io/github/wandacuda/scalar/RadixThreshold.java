package io.github.wandacuda.scalar;

import java.util.Arrays;

/**
 * Finds up to which score the lowest of some go, by a radix select: it counts the scores by their
 * highest digit, which tells the threshold's, then those of that digit by the next one, and so on.
 * Keys are the bits of scores, which aren't negative, so their 31 bits make three digits.
 */
final class RadixThreshold {
  private static final int HIGH_SHIFT = 20;
  private static final int MIDDLE_SHIFT = 10;
  private static final int HIGH_DIGITS = 1 << (Integer.SIZE - 1 - HIGH_SHIFT);
  private static final int LOWER_DIGITS = 1 << MIDDLE_SHIFT;

  private final int[] counts = new int[HIGH_DIGITS];
  private final int[] candidates;
  private int threshold;
  private int left;

  /**
   * Makes room.
   *
   * @param most keys at a time
   */
  RadixThreshold(int most) {
    candidates = new int[most];
  }

  /**
   * Finds the threshold of the keys from {@code from} to before {@code to}.
   *
   * @param wanted how many go, at most as many as there are
   */
  void find(int[] keys, int from, int to, int wanted) {
    left = wanted;
    int high = digit(keys, from, to, HIGH_SHIFT, HIGH_DIGITS);
    int count = take(keys, from, to, HIGH_SHIFT, high);
    int middle = digit(candidates, 0, count, MIDDLE_SHIFT, LOWER_DIGITS);
    int higher = (high << (HIGH_SHIFT - MIDDLE_SHIFT)) | middle;
    count = take(candidates, 0, count, MIDDLE_SHIFT, higher);
    threshold = (higher << MIDDLE_SHIFT) | digit(candidates, 0, count, 0, LOWER_DIGITS);
  }

  /** Returns the key below which all go and above which all stay. */
  int threshold() {
    return threshold;
  }

  /** Returns how many of the keys that equal the threshold go. */
  int equal() {
    return left;
  }

  /** Returns the threshold's digit, and takes those of lower digits off {@code left}. */
  private int digit(int[] keys, int from, int to, int shift, int digits) {
    Arrays.fill(counts, 0, digits, 0);
    for (int i = from; i < to; i++) {
      counts[(keys[i] >>> shift) & (digits - 1)]++;
    }
    int digit = 0;
    while (left > counts[digit]) {
      left -= counts[digit++];
    }
    return digit;
  }

  /** Copies the keys that begin with some digits to the candidates, and returns their number. */
  private int take(int[] keys, int from, int to, int shift, int digits) {
    int count = 0;
    for (int i = from; i < to; i++) {
      int key = keys[i];
      if (key >>> shift == digits) {
        candidates[count++] = key;
      }
    }
    return count;
  }
}
