package io.github.wandacuda.adapter;

import io.github.wandacuda.DType;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
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

  private final LoraModule pair;
  private final DType dtype;
  private final int columns;
  private final LoraFactors factors;

  /**
   * Reads a pair's tensors.
   *
   * @throws InputException if they can't be read or hold a number that isn't finite
   */
  public LoraUpdate(LoraModule pair) {
    this.pair = pair;
    dtype = pair.module().tensor().type().orElseThrow();
    columns = pair.module().tensor().columns();
    factors = new LoraFactors(pair);
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
    Tally tally = new Tally();
    for (int from = 0; from < columns; from += STRIP) {
      int width = Math.min(STRIP, columns - from);
      for (int row = 0; row < count; row++) {
        multiply(firstRow + row, from, width, sums);
        long start = (long) row * columns + from;
        int wrong = add(rows, start, width, sums, tally);
        if (wrong >= 0) {
          throw notFinite(rows, start + wrong, firstRow + row, from + wrong, sums[wrong]);
        }
      }
    }
    return new Counts(tally.zeros, tally.changed, tally.newZeros);
  }

  private static final class Tally {
    private long zeros;
    private long changed;
    private long newZeros;

    /** Counts a weight that wasn't zero. */
    void add(int before, int after, float value) {
      if (before != after) {
        changed++;
        newZeros += value == 0 ? 1 : 0;
      }
    }
  }

  /** Computes a strip of a row of the product. */
  private void multiply(int row, int from, int width, float[] sums) {
    Arrays.fill(sums, 0, width, 0);
    for (int k = 0; k < pair.rank(); k++) {
      float factor = factors.left[row * pair.rank() + k];
      addTimes(factor, factors.right, k * columns + from, sums, width);
    }
  }

  private static void addTimes(float factor, float[] right, int start, float[] sums, int width) {
    for (int i = 0; i < width; i++) {
      sums[i] = Math.fma(factor, right[start + i], sums[i]);
    }
  }

  /** Adds sums to weights; returns the first whose new weight isn't finite, or -1. */
  private int add(MemorySegment weights, long start, int width, float[] sums, Tally tally) {
    for (int i = 0; i < width; i++) {
      long at = (start + i) * dtype.bytes();
      int bits = dtype.bits(weights, at);
      float weight = dtype.value(bits);
      if (weight == 0) {
        tally.zeros++;
        continue;
      }
      float exact = Math.fma(pair.scale(), sums[i], weight);
      int rounded = dtype.bits(exact);
      float merged = dtype.value(rounded);
      if (!Float.isFinite(exact) || !Float.isFinite(merged)) {
        return i;
      }
      dtype.setBits(weights, at, rounded);
      tally.add(bits, rounded, merged);
    }
    return -1;
  }

  private InputException notFinite(
      MemorySegment weights, long at, int storedRow, int storedColumn, float sum) {
    LinearModule module = pair.module();
    float weight = dtype.value(weights, at * dtype.bytes());
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
}
