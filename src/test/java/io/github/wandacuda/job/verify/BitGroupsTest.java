package io.github.wandacuda.job.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.job.verify.RowCheck.BitGroups;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BitGroupsTest {
  private final Random random = new Random(3);

  private long word() {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextLong();
      case 1 -> random.nextLong() & random.nextLong();
      case 2 -> random.nextLong() | random.nextLong();
      default -> random.nextBoolean() ? 0 : -1;
    };
  }

  private static int count(long[] bits, int from, int to) {
    int count = 0;
    for (int at = from; at < to; at++) {
      count += (int) (bits[at / 64] >>> at % 64 & 1);
    }
    return count;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8, 16, 32, 64})
  void looksAtAllGroupsOfAWordAtOnce(int size) {
    assertThat(BitGroups.fillWords(size)).isTrue();
    for (int round = 0; round < 20_000; round++) {
      long word = word();
      int least = random.nextInt(size);
      boolean each = true;
      for (int from = 0; from < 64; from += size) {
        each &= count(new long[] {word}, from, from + size) >= least;
      }
      assertThat(BitGroups.eachHas(word, size, least))
          .as("%d of each %d in %x", least, size, word)
          .isEqualTo(each);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 12, 128})
  void knowsWhichGroupsDontFillWords(int size) {
    assertThat(BitGroups.fillWords(size)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void countsRanges(int words) {
    for (int round = 0; round < 5_000; round++) {
      long[] bits = random.longs(words).toArray();
      int from = random.nextInt(64 * words);
      int to = from + random.nextInt(64 * words - from + 1);
      assertThat(BitGroups.count(bits, from, to)).isEqualTo(count(bits, from, to));
      assertThat(BitGroups.count(bits)).isEqualTo(count(bits, 0, 64 * words));
    }
  }
}
