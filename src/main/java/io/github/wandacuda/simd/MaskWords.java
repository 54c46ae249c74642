package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.LONGS;
import static jdk.incubator.vector.VectorOperators.BIT_COUNT;
import static jdk.incubator.vector.VectorOperators.NE;

import jdk.incubator.vector.LongVector;

/**
 * Finds the few among many words of bits that need a look. A branch at each word would cost more
 * than the vectors, as it is guessed wrong at just those.
 */
final class MaskWords {
  private MaskWords() {}

  /** Returns which of up to 64 words from {@code first} on have bits, one bit a word. */
  static long notZero(long[] words, int first) {
    int end = Math.min(words.length, first + Long.SIZE);
    long found = 0;
    int word = first;
    for (; word <= end - LONGS.length(); word += LONGS.length()) {
      LongVector bits = LongVector.fromArray(LONGS, words, word);
      found |= bits.compare(NE, 0).toLong() << (word - first);
    }
    for (; word < end; word++) {
      found |= (words[word] == 0 ? 0L : 1L) << (word - first);
    }
    return found;
  }

  /** Returns in which of up to 64 words from {@code first} on not just half of the bits are set. */
  public static long notHalf(long[] words, int first) {
    int end = Math.min(words.length, first + Long.SIZE);
    long found = 0;
    int word = first;
    for (; word <= end - LONGS.length(); word += LONGS.length()) {
      LongVector counts = LongVector.fromArray(LONGS, words, word).lanewise(BIT_COUNT);
      found |= counts.compare(NE, Long.SIZE / 2).toLong() << (word - first);
    }
    for (; word < end; word++) {
      found |= (Long.bitCount(words[word]) == Long.SIZE / 2 ? 0L : 1L) << (word - first);
    }
    return found;
  }
}
