package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowMaskWriterTest {
  private static final long HALF = 0xf0f0_f0f0_f0f0_f0f0L;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 8, 9, 31, 63, 64, 65, 127, 128, 200})
  void wordsWithBitsAreFound(int count) {
    long[] words = new long[count];
    boolean[] marked = marked(words, 1L << 63, 1);
    for (int first = 0; first < count; first += Long.SIZE) {
      assertThat(RowMaskWriter.notZero(words, first)).isEqualTo(bits(marked, first));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 8, 9, 31, 63, 64, 65, 127, 128, 200})
  void wordsOfWhichNotHalfIsSetAreFound(int count) {
    long[] words = new long[count];
    Arrays.fill(words, HALF);
    boolean[] marked = marked(words, HALF | 1, HALF << 4);
    for (int first = 0; first < count; first += Long.SIZE) {
      assertThat(RowMaskWriter.notHalf(words, first)).isEqualTo(bits(marked, first));
    }
  }

  private static boolean[] marked(long[] words, long... marks) {
    SplittableRandom random = new SplittableRandom(words.length);
    boolean[] marked = new boolean[words.length];
    for (int i = 0; i < words.length; i++) {
      marked[i] = random.nextInt(3) == 0;
      words[i] = marked[i] ? marks[random.nextInt(marks.length)] : words[i];
    }
    return marked;
  }

  private static long bits(boolean[] marked, int first) {
    long bits = 0;
    for (int i = first; i < Math.min(marked.length, first + Long.SIZE); i++) {
      bits |= (marked[i] ? 1L : 0L) << i;
    }
    return bits;
  }
}
