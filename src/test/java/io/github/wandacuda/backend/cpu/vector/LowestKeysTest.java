package io.github.wandacuda.backend.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LowestKeysTest {
  private static final int COUNT = 8192;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 100, COUNT / 2, COUNT - 2, COUNT - 1, COUNT})
  void theLimitPartsTheLowestFromTheRest(int wanted) {
    LowestKeys search = new LowestKeys(COUNT);
    SplittableRandom random = new SplittableRandom(wanted);
    for (int row = 0; row < 20; row++) {
      int bound = 1 << random.nextInt(1, 30);
      find(search, random.ints(COUNT, 0, bound).toArray(), wanted);
    }
  }

  @Test
  void aGuessFromARowOfAnotherScaleOnlyTakesLonger() {
    LowestKeys search = new LowestKeys(COUNT);
    SplittableRandom random = new SplittableRandom(1);
    for (int row = 0; row < 20; row++) {
      int from = row % 2 == 0 ? 0 : 0x7000_0000;
      find(search, random.ints(COUNT, from, from + 5000).toArray(), 3000);
    }
  }

  /** The elements that the search takes as its sample are the lowest, again and again. */
  @Test
  void aRowThatMisleadsEverySampleIsStillSearchedExactly() {
    int[] keys = new int[COUNT];
    int[] left = new int[COUNT];
    Arrays.setAll(left, i -> i);
    int next = 0;
    while (left.length > 64) {
      boolean[] sampled = new boolean[left.length];
      for (int i = 0; i < 32; i++) {
        sampled[(int) ((long) i * left.length / 32)] = true;
      }
      int[] rest = new int[left.length - 32];
      int count = 0;
      for (int i = 0; i < left.length; i++) {
        if (sampled[i]) {
          keys[left[i]] = next++;
        } else {
          rest[count++] = left[i];
        }
      }
      left = rest;
    }
    for (int index : left) {
      keys[index] = next++;
    }
    for (int wanted : new int[] {COUNT / 4, COUNT / 2, COUNT - 100, COUNT - 5}) {
      find(new LowestKeys(COUNT), keys, wanted);
    }
  }

  private static void find(LowestKeys search, int[] keys, int wanted) {
    search.find(keys, COUNT, COUNT, mean(keys), wanted);
    int limit = search.limit();
    long below = Arrays.stream(keys).filter(key -> key < limit).count();
    long notAbove = Arrays.stream(keys).filter(key -> key <= limit).count();
    assertThat(search.below()).isEqualTo((int) below);
    assertThat(below).isLessThanOrEqualTo(wanted);
    assertThat(notAbove).isGreaterThanOrEqualTo(wanted);
  }

  private static int mean(int[] keys) {
    return (int) Arrays.stream(keys).average().orElseThrow();
  }
}
