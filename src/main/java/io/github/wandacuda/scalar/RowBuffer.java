package io.github.wandacuda.scalar;

import static io.github.wandacuda.system.LittleEndian.INT;
import static io.github.wandacuda.system.LittleEndian.SHORT;

import io.github.wandacuda.DType;
import java.lang.foreign.MemorySegment;

/**
 * A copy of a row in an array, and the bits of its scores. Loops over arrays are fast as soon as
 * they are compiled at all.
 */
final class RowBuffer {
  private static final int MAGNITUDE = 0x7fff_ffff;
  private static final int HALF_MAGNITUDE = 0x7fff;

  private final DType dtype;
  private final float[] norms;
  private final int[] keys;

  /** The row, if its elements have 32 bits. */
  private final int[] words;

  /** The row, if its elements have 16 bits. */
  private final short[] halves;

  RowBuffer(DType dtype, int columns, float[] norms) {
    this.dtype = dtype;
    this.norms = norms;
    keys = new int[columns];
    words = new int[dtype == DType.F32 ? columns : 0];
    halves = new short[dtype == DType.F32 ? 0 : columns];
  }

  /** Returns the bits of each element's score. */
  int[] keys() {
    return keys;
  }

  /** Reads a row and scores it; returns whether all of it is finite. */
  boolean read(MemorySegment memory, long at) {
    int highest;
    if (dtype == DType.F32) {
      MemorySegment.copy(memory, INT, at, words, 0, words.length);
      highest = scoreFloats(words, norms, keys);
    } else {
      MemorySegment.copy(memory, SHORT, at, halves, 0, halves.length);
      highest =
          dtype == DType.F16 ? scoreHalves(halves, norms, keys) : scoreBfloats(halves, norms, keys);
    }
    return highest < RowElements.INFINITY;
  }

  private static int scoreFloats(int[] words, float[] norms, int[] keys) {
    int highest = 0;
    for (int c = 0; c < keys.length; c++) {
      int magnitude = words[c] & MAGNITUDE;
      highest = Math.max(highest, magnitude);
      keys[c] = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) * norms[c]);
    }
    return highest;
  }

  private static int scoreHalves(short[] halves, float[] norms, int[] keys) {
    int highest = 0;
    for (int c = 0; c < keys.length; c++) {
      float value = Float.float16ToFloat((short) (halves[c] & HALF_MAGNITUDE));
      highest = Math.max(highest, Float.floatToRawIntBits(value));
      keys[c] = Float.floatToRawIntBits(value * norms[c]);
    }
    return highest;
  }

  private static int scoreBfloats(short[] halves, float[] norms, int[] keys) {
    int highest = 0;
    for (int c = 0; c < keys.length; c++) {
      int magnitude = (halves[c] & HALF_MAGNITUDE) << Short.SIZE;
      highest = Math.max(highest, magnitude);
      keys[c] = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) * norms[c]);
    }
    return highest;
  }

  /** Writes the row back, with zeros where it isn't kept; returns how many zeros it has then. */
  int write(long[] kept, MemorySegment memory, long at) {
    if (dtype == DType.F32) {
      int zeros = clear(words, kept);
      MemorySegment.copy(words, 0, memory, INT, at, words.length);
      return zeros;
    }
    int zeros = clear(halves, kept);
    MemorySegment.copy(halves, 0, memory, SHORT, at, halves.length);
    return zeros;
  }

  private static int clear(int[] words, long[] kept) {
    int zeros = 0;
    for (int c = 0; c < words.length; c++) {
      int word = words[c] & -(int) (kept[c >> KeptColumns.WORD_SHIFT] >>> c & 1);
      words[c] = word;
      zeros += (word & MAGNITUDE) == 0 ? 1 : 0;
    }
    return zeros;
  }

  private static int clear(short[] halves, long[] kept) {
    int zeros = 0;
    for (int c = 0; c < halves.length; c++) {
      int half = halves[c] & -(int) (kept[c >> KeptColumns.WORD_SHIFT] >>> c & 1);
      halves[c] = (short) half;
      zeros += (half & HALF_MAGNITUDE) == 0 ? 1 : 0;
    }
    return zeros;
  }
}
