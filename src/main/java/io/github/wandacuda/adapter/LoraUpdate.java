package io.github.wandacuda.adapter;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.model.LinearModule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Adds an adapter's update to the weights that aren't zero (MaskLoRA, arXiv 2312.15230): Ŵ = W +
 * scale · (B · A) ⊙ (W ≠ 0).
 *
 * <p>Defined to the bit: an element of B · A is a float32 chain of fused multiply-adds over the
 * rank in its order, from 0; the new weight is fma(scale, element, W) in float32, rounded to
 * nearest even to the weight's type. A weight that is +0.0 or -0.0 keeps its bytes. Safe for use by
 * several threads.
 */
public final class LoraUpdate {
  /** Columns whose sums are computed together, so that their part of a factor stays in a cache. */
  private static final int STRIP = 1024;

  /** A float32 array and the bytes that it is read from, for a byte of the narrowest type. */
  private static final int HEAP_TIMES = 4;

  private final LoraModule pair;
  private final DType dtype;
  private final int columns;

  // The factors of the update, turned so that their product lies as the weight does in its file.
  // For a weight stored as [out, in] they are B and A; for one stored as [in, out], as GPT-2's
  // Conv1D does, Aᵀ and Bᵀ. Each element of the product is the same sum in the same order.

  /** [stored rows, rank], row by row. */
  private final float[] left;

  /** [rank, stored columns], row by row. */
  private final float[] right;

  /** Reads a pair's tensors, which have to be finite and fit into the heap. */
  public LoraUpdate(LoraModule pair) {
    this.pair = pair;
    dtype = pair.module().tensor().type().orElseThrow();
    columns = pair.module().tensor().columns();
    float[] a = values(pair, pair.a());
    float[] b = values(pair, pair.b());
    boolean transposed = pair.module().transposed();
    left = transposed ? turned(a, pair.a()) : b;
    right = transposed ? turned(b, pair.b()) : a;
  }

  /**
   * What an update did to some weights.
   *
   * @param zeros weights that were zero and stayed as they were
   * @param changed weights that have other bytes now
   * @param newZeros those of them that are zero now
   */
  public record Counts(long zeros, long changed, long newZeros) {}

  /**
   * Updates some rows of the weight, as it lies in its file.
   *
   * @param rows their bytes, which are changed
   * @param firstRow the first of them in the stored matrix
   * @throws InputException if a new weight isn't finite; the message says where
   */
  public Counts apply(MemorySegment rows, int firstRow) {
    int count = (int) (rows.byteSize() / ((long) columns * dtype.bytes()));
    float[] sums = new float[Math.min(STRIP, columns)];
    long zeros = 0;
    long changed = 0;
    long newZeros = 0;
    for (int from = 0; from < columns; from += STRIP) {
      int width = Math.min(STRIP, columns - from);
      for (int row = 0; row < count; row++) {
        multiply(firstRow + row, from, width, sums);
        long at = ((long) row * columns + from) * dtype.bytes();
        for (int i = 0; i < width; i++, at += dtype.bytes()) {
          int bits = dtype.bits(rows, at);
          float weight = dtype.value(bits);
          if (weight == 0) {
            zeros++;
            continue;
          }
          float exact = Math.fma(pair.scale(), sums[i], weight);
          int rounded = dtype.bits(exact);
          float merged = dtype.value(rounded);
          if (!Float.isFinite(exact) || !Float.isFinite(merged)) {
            throw notFinite(weight, firstRow + row, from + i, sums[i]);
          }
          dtype.setBits(rows, at, rounded);
          changed += bits == rounded ? 0 : 1;
          newZeros += merged == 0 ? 1 : 0;
        }
      }
    }
    return new Counts(zeros, changed, newZeros);
  }

  private void multiply(int row, int from, int width, float[] sums) {
    Arrays.fill(sums, 0, width, 0);
    for (int k = 0; k < pair.rank(); k++) {
      float factor = left[row * pair.rank() + k];
      addTimes(factor, right, k * columns + from, sums, width);
    }
  }

  private static void addTimes(float factor, float[] right, int start, float[] sums, int width) {
    for (int i = 0; i < width; i++) {
      sums[i] = Math.fma(factor, right[start + i], sums[i]);
    }
  }

  private InputException notFinite(float weight, int storedRow, int storedColumn, float sum) {
    LinearModule module = pair.module();
    return module
        .place()
        .part(
            "row %d, column %d"
                .formatted(
                    module.transposed() ? storedColumn : storedRow,
                    module.transposed() ? storedRow : storedColumn))
        .wrong(
            "a merged weight that is finite in " + dtype,
            "%s + %s * %s".formatted(weight, pair.scale(), sum));
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
