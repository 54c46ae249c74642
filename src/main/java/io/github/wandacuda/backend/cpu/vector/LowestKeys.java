package io.github.wandacuda.backend.cpu.vector;

import java.util.Arrays;

/**
 * Finds the limit below which the k lowest of many keys lie, without sorting them: counts the keys
 * below two probes on either side of where the limit should be, narrows the search to the keys
 * between them, and goes on with those (Floyd and Rivest, "Expected time bounds for selection",
 * 1975, with counts instead of partitions). The first probes enclose the limit of the row before;
 * the next ones come from interpolation while that narrows well, else from a sorted sample, which
 * neither ties nor outliers mislead. After some tries bisection ends every search.
 */
final class LowestKeys {
  /** With so few keys left a pass costs next to nothing, and each of them can be tried. */
  private static final int FEW = 48;

  private static final int SAMPLE = 32;

  /** Places in the sorted sample that the limit is rarely further from where it should be. */
  private static final int SAMPLE_MARGIN = 4;

  /** Probes before bisection, several times what random keys need. */
  private static final int TRIES = 24;

  private final LimitGuess guess = new LimitGuess();
  private final int[] sample = new int[SAMPLE];
  private int[] spare;
  private int[] other;

  private int[] keys;
  private int length;
  private int wanted;
  private int excluded;
  private int low;
  private int high;
  private int countLow;
  private int countHigh;
  private boolean narrowsWell;

  /**
   * Creates a search.
   *
   * @param most the largest number of keys, padding included
   */
  LowestKeys(int most) {
    spare = new int[most + Lanes.COUNT];
    other = new int[most + Lanes.COUNT];
  }

  /**
   * Searches. Afterwards {@link #limit} is a key such that at most {@code wanted} keys are below
   * it, {@link #below} many, and at least {@code wanted} are below or equal.
   *
   * @param all the keys; {@link ScoreKeys#PAD} where there is none
   * @param end the keys' number, padding included: a multiple of the vector length
   * @param count the number of keys that are not padding
   * @param mean about the mean of the keys; only the speed depends on it
   * @param lowest how many are to be the lowest, from 0 to {@code count}
   */
  void find(int[] all, int end, int count, int mean, int lowest) {
    keys = all;
    length = end;
    wanted = lowest;
    excluded = 0;
    low = 0;
    countLow = 0;
    high = ScoreKeys.PAD;
    countHigh = count;
    narrowsWell = false;
    if (lowest == 0 || lowest == count) {
      settle(lowest == 0 ? 0 : ScoreKeys.PAD, lowest);
      return;
    }
    guess.turnTo(mean);
    if (guess.known()) {
      probe(guess.low(), guess.high());
    }
    for (int tries = 0; high - low > 1; tries++) {
      if (tries >= TRIES) {
        long middle = low + ((long) high - low) / 2;
        probe(middle, middle);
      } else if (length <= FEW) {
        probeEach();
      } else if (narrowsWell) {
        probeInterpolated();
      } else {
        probeSampled();
      }
    }
    guess.learn(low);
  }

  /** Returns the limit. */
  int limit() {
    return low;
  }

  /** Returns the number of keys below the limit. */
  int below() {
    return excluded + countLow;
  }

  private void settle(int limit, int count) {
    low = limit;
    high = limit + 1;
    countLow = count;
  }

  /** Twice the usual deviation of a count from the straight line that interpolation assumes. */
  private void probeInterpolated() {
    double candidates = countHigh - countLow;
    double span = (double) high - low;
    double middle = low + span * (wanted - countLow) / candidates;
    double margin = span / Math.sqrt(candidates);
    probe((long) (middle - margin), (long) (middle + margin) + 1);
  }

  /**
   * Sorts a sample and probes around the limit's place among its keys inside the bracket; where the
   * sample ends too early, the bracket's own end is the probe.
   */
  private void probeSampled() {
    for (int i = 0; i < SAMPLE; i++) {
      sample[i] = keys[(int) ((long) i * length / SAMPLE)];
    }
    Arrays.sort(sample);
    int start = 0;
    while (start < SAMPLE && sample[start] < low) {
      start++;
    }
    int end = start;
    while (end < SAMPLE && sample[end] < high) {
      end++;
    }
    double place = (double) (wanted - countLow) / (countHigh - countLow);
    int middle = start + (int) (place * (end - start));
    int from = middle - SAMPLE_MARGIN;
    int to = middle + SAMPLE_MARGIN;
    probe(from < start ? low : sample[from], to < end ? sample[to] + 1L : high);
  }

  /** Tries every key that may be the limit; in any order most drop out untried. */
  private void probeEach() {
    for (int i = 0; i < length && high - low > 1; i++) {
      int key = keys[i];
      if (key >= low && key < high) {
        count(key, key + 1L);
      }
    }
  }

  /**
   * Counts on either side of where the limit should be, and if it is there goes on with the keys
   * between.
   */
  private void probe(long from, long to) {
    int first = (int) Math.clamp(from, low + 1L, high - 1L);
    int second = (int) Math.clamp(to, first, high - 1L);
    if (second - first <= 1) {
      count(first, second);
      return;
    }
    int before = countHigh - countLow;
    long gathered = KeyCounts.gather(keys, length, first, second, spare);
    int belowFirst = (int) (gathered >>> Integer.SIZE);
    int between = KeyCounts.compact(spare, (int) gathered, first, second);
    tighten(first, belowFirst);
    tighten(second, belowFirst + between);
    narrowsWell = countHigh - countLow <= before / 4;
    if (low == first && high == second) {
      narrow(between);
    }
  }

  /** Counts at two limits, moved into the bracket, and tightens it. */
  private void count(long from, long to) {
    int first = (int) Math.clamp(from, low + 1L, high - 1L);
    int second = (int) Math.clamp(to, first, high - 1L);
    long counts = KeyCounts.below(keys, length, first, second);
    tighten(first, (int) counts);
    tighten(second, (int) (counts >>> Integer.SIZE));
  }

  private void tighten(int limit, int count) {
    if (limit <= low || limit >= high) {
      return;
    }
    if (count == wanted) {
      settle(limit, count);
    } else if (count < wanted) {
      low = limit;
      countLow = count;
    } else {
      high = limit;
      countHigh = count;
    }
  }

  /** Goes on with the keys inside the bracket alone. */
  private void narrow(int count) {
    int[] narrowed = spare;
    spare = other;
    other = narrowed;
    keys = narrowed;
    length = Math.ceilDiv(count, Lanes.COUNT) * Lanes.COUNT;
    Arrays.fill(narrowed, count, length, ScoreKeys.PAD);
    excluded += countLow;
    wanted -= countLow;
    countLow = 0;
    countHigh = count;
  }
}
