package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.simd.KeyCounts;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.simd.ScoreKeys;
import java.util.Arrays;

/**
 * Finds the threshold below which the k lowest of many 16-bit keys lie, without sorting them. One
 * pass over the keys counts those below a window in which the threshold should be, and gathers
 * those inside it (Floyd and Rivest, "Expected time bounds for selection", 1975, with counts
 * instead of partitions); bisection among these few does the rest. The window is guessed from the
 * row before. Where it misses, windows beside it follow, each eight times as wide as the last.
 * Processors that can't compress vectors of keys count all of them again instead: the few would
 * have to be picked one by one, which took 2.5 µs of 3.6 for 4096 columns with AVX2.
 */
final class KeyThreshold {
  private static final int WIDENING = 8;

  /**
   * Steps that assume evenly spread keys, as they mostly are in a narrow window; after these the
   * window is halved.
   */
  private static final int INTERPOLATIONS = 3;

  private static final int MANY = 1024;

  private final ThresholdGuess guess = new ThresholdGuess();
  private final short[] inside;

  private short[] keys;
  private int length;
  private int wanted;
  private int low;
  private int high;
  private int countLow;
  private int countHigh;

  /**
   * Creates a search.
   *
   * @param most the largest number of keys, padding included
   */
  KeyThreshold(int most) {
    inside = new short[most + Lanes.SHORT_COUNT];
  }

  /**
   * Searches. Afterwards {@link #threshold} is a key such that at most {@code lowest} keys are
   * below it, {@link #below} many, and at least {@code lowest} are below or equal.
   *
   * @param all the keys; {@link ScoreKeys#HIGH_PAD} where there is none
   * @param end the keys' number, padding included: a multiple of the vector length
   * @param count the number of keys that are not padding
   * @param lowest how many are to be the lowest, from 0 to {@code count}
   */
  void find(short[] all, int end, int count, int lowest) {
    keys = all;
    length = end;
    wanted = lowest;
    low = 0;
    countLow = 0;
    high = ScoreKeys.HIGH_PAD + 1;
    countHigh = count;
    if (lowest == 0 || lowest == count) {
      set(lowest == 0 ? 0 : ScoreKeys.HIGH_PAD, lowest);
      return;
    }
    guess.turnTo(KeyCounts.mean(keys, length));
    int excluded = enclose();
    for (int steps = 0; high - low > 1; steps++) {
      boolean spread = steps < INTERPOLATIONS;
      int middle = spread ? interpolated() : (low + high) >>> 1;
      int below = excluded + KeyCounts.below(keys, length, (short) middle);
      if (length >= MANY && (Lanes.COMPRESSES_SHORTS || !spread)) {
        tightenPastEqual(middle, below);
      } else {
        tighten(middle, below);
      }
    }
    guess.learn(low);
  }

  /** Returns the threshold that was found. */
  int threshold() {
    return low;
  }

  /** Returns how many keys are below the threshold. */
  int below() {
    return countLow;
  }

  /** Returns how many keys are at the threshold; 0 if exactly the wanted ones are below it. */
  int atThreshold() {
    return countHigh - countLow;
  }

  /** Returns where the threshold is if the keys are spread evenly. */
  private int interpolated() {
    long share = (long) (high - low) * (wanted - countLow) / (countHigh - countLow);
    return Math.clamp(low + share, low + 1, high - 1);
  }

  /**
   * Finds a window that holds the threshold and goes on with its keys alone; or with all keys, if
   * it takes longer to gather the few than to count all a few times.
   *
   * @return how many keys below the window are left out of those that it goes on with
   */
  private int enclose() {
    long reach = guess.reach();
    long from = guess.centre() - reach;
    long to = guess.centre() + reach + 1;
    while (high - low > 1) {
      int first = (int) Math.clamp(from, low + 1L, high - 1L);
      int second = (int) Math.clamp(to, first + 1L, high);
      int between = count(first, second);
      if (low >= first && high <= second) {
        return Lanes.COMPRESSES_SHORTS ? narrow(between) : 0;
      }
      reach = WIDENING * (reach + 1);
      from = high <= first ? high - reach : low;
      to = high <= first ? high : low + reach;
    }
    return 0;
  }

  /** Counts the keys below two thresholds and narrows the search by them. */
  private int count(int first, int second) {
    int below;
    int between;
    if (Lanes.COMPRESSES_SHORTS) {
      short span = (short) (second - first);
      long counts = KeyCounts.gather(keys, length, (short) first, span, inside);
      below = (int) (counts >>> Integer.SIZE);
      between = (int) counts;
    } else {
      below = KeyCounts.below(keys, length, (short) first);
      int notAbove = second == high ? countHigh : KeyCounts.below(keys, length, (short) second);
      between = notAbove - below;
    }
    tighten(first, below);
    tighten(second, below + between);
    return between;
  }

  /**
   * Goes on with the keys that were gathered.
   *
   * @param between how many there are
   * @return how many keys are left out below them
   */
  private int narrow(int between) {
    keys = inside;
    length = Math.ceilDiv(between, Lanes.SHORT_COUNT) * Lanes.SHORT_COUNT;
    Arrays.fill(inside, between, length, ScoreKeys.HIGH_PAD);
    return countLow;
  }

  /**
   * Narrows the search to the keys on one side, and past all keys that equal the threshold at once.
   * This takes another pass over the keys.
   *
   * @param count how many keys are below the threshold
   */
  private void tightenPastEqual(int threshold, int count) {
    int neighbours = KeyCounts.neighbours(keys, length, (short) threshold);
    tighten((neighbours >>> Short.SIZE) + 1, count);
    tighten(neighbours & ScoreKeys.HIGH_PAD, count);
  }

  /**
   * Narrows the search by the number of keys below a threshold.
   *
   * @param count how many keys are below the threshold
   */
  private void tighten(int threshold, int count) {
    if (threshold <= low || threshold >= high) {
      return;
    }
    if (count == wanted) {
      set(threshold, count);
    } else if (count < wanted) {
      low = threshold;
      countLow = count;
    } else {
      high = threshold;
      countHigh = count;
    }
  }

  /** Ends the search. */
  private void set(int threshold, int count) {
    low = threshold;
    high = threshold + 1;
    countLow = count;
    countHigh = count;
  }

  /**
   * Guesses the threshold of a row from the row before: that it is the same, or that it moves with
   * the mean of the keys, as it does where rows differ in scale. Whichever has erred less is used.
   * Keys grow with the logarithm of a score, 128 for each factor of two.
   */
  private static final class ThresholdGuess {
    /** A window that reaches so many times the usual error holds most thresholds. */
    private static final int ERRORS = 4;

    /** Reaches are kept times this number, so that averages over rows keep fractions. */
    private static final int SCALE = 16;

    private static final int FIRST_REACH = 64;

    private int lastThreshold;
    private int lastMean;
    private int mean;
    private long stayReach = FIRST_REACH * SCALE;
    private long moveReach = FIRST_REACH * SCALE;
    private boolean known;

    /**
     * Begins a row.
     *
     * @param rowMean the mean of its keys
     */
    void turnTo(int rowMean) {
      mean = rowMean;
    }

    /** Returns the guess of the row's threshold; the mean of its keys before the first row. */
    long centre() {
      if (!known) {
        return mean;
      }
      return stayReach <= moveReach ? lastThreshold : moved();
    }

    /** Returns how far from the guess the threshold is likely to be. */
    long reach() {
      return Math.min(stayReach, moveReach) / SCALE;
    }

    /** Learns a row's threshold. */
    void learn(int threshold) {
      if (known) {
        stayReach = adjusted(stayReach, threshold - (long) lastThreshold);
        moveReach = adjusted(moveReach, threshold - moved());
      }
      known = true;
      lastThreshold = threshold;
      lastMean = mean;
    }

    /** Returns the last threshold, moved as the mean of the keys moved. */
    private long moved() {
      return (long) lastThreshold + mean - lastMean;
    }

    /** Moves a reach an eighth of the way to the error of one row. */
    private static long adjusted(long reach, long error) {
      return reach + ((ERRORS * SCALE * Math.abs(error) - reach) >> 3);
    }
  }
}
