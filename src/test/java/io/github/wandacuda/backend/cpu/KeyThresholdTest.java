package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.simd.ScoreKeys;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KeyThresholdTest {
  private static final int COUNT = 8192;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 100, COUNT / 2, COUNT - 2, COUNT - 1, COUNT})
  void theThresholdPartsTheLowestFromTheRest(int wanted) {
    KeyThreshold search = search();
    SplittableRandom random = new SplittableRandom(wanted);
    for (int row = 0; row < 20; row++) {
      int bound = 1 << random.nextInt(1, Short.SIZE);
      find(search, random.ints(COUNT, 0, bound).toArray(), wanted);
    }
  }

  @Test
  void aGuessFromARowOfAnotherScaleOnlyTakesLonger() {
    KeyThreshold search = search();
    SplittableRandom random = new SplittableRandom(1);
    for (int row = 0; row < 20; row++) {
      int from = row % 2 == 0 ? 0 : 0x7000;
      find(search, random.ints(COUNT, from, from + 500).toArray(), 3000);
    }
  }

  /** Half of the rows have the threshold at one of them, half at another. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void rowsOfFewDifferentKeysArePartedToo(int different) {
    SplittableRandom random = new SplittableRandom(different);
    int[] values = random.ints(different, 0, Short.MAX_VALUE + 1).toArray();
    KeyThreshold search = search();
    for (int row = 0; row < 20; row++) {
      int[] keys = random.ints(COUNT, 0, different).map(i -> values[i]).toArray();
      find(search, keys, COUNT / 2);
    }
  }

  /** So that the highest of the keys and the padding are the same number. */
  @Test
  void keysMayBeAsHighAsThePadding() {
    int[] keys = new int[COUNT];
    Arrays.fill(keys, ScoreKeys.HIGH_PAD);
    Arrays.fill(keys, 0, 10, 5);
    for (int wanted : new int[] {5, 10, 11, COUNT - 1}) {
      find(search(), keys, wanted);
    }
  }

  private static void find(KeyThreshold search, int[] keys, int wanted) {
    short[] halves = new short[COUNT];
    for (int i = 0; i < COUNT; i++) {
      halves[i] = (short) keys[i];
    }
    search.find(halves, COUNT, COUNT, wanted);
    int threshold = search.threshold();
    long below = Arrays.stream(keys).filter(key -> key < threshold).count();
    long notAbove = Arrays.stream(keys).filter(key -> key <= threshold).count();
    assertThat(search.below()).isEqualTo((int) below);
    assertThat(below).isLessThanOrEqualTo(wanted);
    assertThat(notAbove).isGreaterThanOrEqualTo(wanted);
  }

  private static KeyThreshold search() {
    return new KeyThreshold(COUNT);
  }
}
