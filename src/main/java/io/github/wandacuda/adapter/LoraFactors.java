package io.github.wandacuda.adapter;

import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.HeapBudget;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The two factors of an update in memory, turned so that their product lies as the weight does in
 * its file: [rows, rank] times [rank, columns] of the stored matrix.
 *
 * <p>For a weight stored as [out, in] these are B and A; for one stored as [in, out], as GPT-2's
 * Conv1D does, they are Aᵀ and Bᵀ. Each element of the product is the same sum in the same order.
 */
final class LoraFactors {
  /** A float32 array and the bytes that it is read from, for a byte of the narrowest type. */
  private static final int HEAP_TIMES = 4;

  /** [stored rows, rank], row by row. */
  final float[] left;

  /** [rank, stored columns], row by row. */
  final float[] right;

  /**
   * Reads both factors.
   *
   * @throws InputException if they can't be read, are too large for the heap, or hold a number that
   *     isn't finite
   */
  LoraFactors(LoraModule pair) {
    float[] a = values(pair, pair.a());
    float[] b = values(pair, pair.b());
    boolean transposed = pair.module().transposed();
    left = transposed ? turned(a, pair.a()) : b;
    right = transposed ? turned(b, pair.b()) : a;
  }

  private static float[] turned(float[] matrix, TensorInfo shape) {
    int rows = shape.rows();
    int columns = shape.columns();
    float[] turned = new float[matrix.length];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        turned[column * rows + row] = matrix[row * columns + column];
      }
    }
    return turned;
  }

  private static float[] values(LoraModule pair, TensorInfo tensor) {
    HeapBudget.require(pair.place(tensor), tensor.bytes(), HEAP_TIMES);
    if (tensor.elements() > Integer.MAX_VALUE - 8) {
      throw pair.place(tensor).wrong("fewer than 2^31 numbers", tensor.elements());
    }
    float[] values = new float[(int) tensor.elements()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(tensor.bytes(), Float.BYTES);
      pair.file().read(tensor, 0, bytes);
      tensor.type().orElseThrow().read(bytes, 0, 1, values, 0, values.length);
    }
    for (int at = 0; at < values.length; at++) {
      if (!Float.isFinite(values[at])) {
        throw pair.place(tensor)
            .wrong(
                "finite numbers",
                "%s at row %d, column %d"
                    .formatted(values[at], at / tensor.columns(), at % tensor.columns()));
      }
    }
    return values;
  }
}
