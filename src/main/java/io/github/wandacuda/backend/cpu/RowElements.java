package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.tensor.DType;

/** Single elements of a row in the form that {@link SelectKernels} describes. */
final class RowElements {
  /** The bits of infinity; those of a finite magnitude are below, those of a NaN above. */
  static final int INFINITY = 0x7f80_0000;

  private static final int MAGNITUDE = 0x7fff_ffff;

  private RowElements() {}

  /** Returns how many words the row's elements take, without padding. */
  static int words(DType dtype, int columns) {
    return dtype == DType.F32 ? columns : (columns + 1) >>> 1;
  }

  /** Returns a new row of zeros. */
  static int[] row(DType dtype, int columns) {
    int padding = SelectKernels.PADDING;
    return new int[Math.ceilDiv(words(dtype, columns), padding) * padding];
  }

  /** Returns the element, widened exactly to float32. */
  static float value(DType dtype, int[] words, int column) {
    return switch (dtype) {
      case F32 -> Float.intBitsToFloat(words[column]);
      case F16 -> Float.float16ToFloat(half(words, column));
      case BF16 -> Float.intBitsToFloat(half(words, column) << 16);
    };
  }

  /** Returns the bits of the element's magnitude, widened exactly to float32. */
  static int magnitude(DType dtype, int[] words, int column) {
    return Float.floatToRawIntBits(value(dtype, words, column)) & MAGNITUDE;
  }

  /** Makes the element +0.0. */
  static void clear(DType dtype, int[] words, int column) {
    if (dtype == DType.F32) {
      words[column] = 0;
    } else {
      words[column >>> 1] &= (column & 1) == 0 ? 0xffff_0000 : 0x0000_ffff;
    }
  }

  private static short half(int[] words, int column) {
    return (short) (words[column >>> 1] >>> ((column & 1) << 4));
  }
}
