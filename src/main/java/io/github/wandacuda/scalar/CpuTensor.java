package io.github.wandacuda.scalar;

import io.github.wandacuda.forward.CheckedOperations;
import io.github.wandacuda.forward.Tensor;
import java.util.Objects;

/**
 * A row-major float32 matrix in a Java array. Row r is {@code data()[at(r)]} to {@code data()[at(r)
 * + columns() - 1]}.
 */
public final class CpuTensor implements Tensor {
  /** The longest array that every JVM can make. */
  private static final int LONGEST_ARRAY = Integer.MAX_VALUE - 8;

  private final int offset;
  private final int rows;
  private final int columns;
  private final boolean owner;
  private float[] data;

  private CpuTensor(float[] data, int offset, int rows, int columns, boolean owner) {
    this.data = data;
    this.offset = offset;
    this.rows = rows;
    this.columns = columns;
    this.owner = owner;
  }

  /**
   * Makes a tensor of zeros.
   *
   * @throws IllegalArgumentException if a size is negative or no array is long enough
   */
  public static CpuTensor zeros(int rows, int columns) {
    if (rows < 0 || columns < 0 || (long) rows * columns > LONGEST_ARRAY) {
      throw new IllegalArgumentException(
          "a tensor of %d x %d; at most %d elements fit".formatted(rows, columns, LONGEST_ARRAY));
    }
    return new CpuTensor(new float[rows * columns], 0, rows, columns, true);
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public CpuTensor rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows);
    return new CpuTensor(data(), at(from), count, columns, false);
  }

  @Override
  public CpuTensor reshaped(int newRows, int newColumns) {
    CheckedOperations.requireReshapable(this, newRows, newColumns);
    return new CpuTensor(data(), offset, newRows, newColumns, false);
  }

  /**
   * Returns the array that holds the elements, perhaps among those of other tensors.
   *
   * @throws IllegalStateException if the tensor is closed
   */
  public float[] data() {
    if (data == null) {
      throw new IllegalStateException("the tensor is closed");
    }
    return data;
  }

  /** Returns the index of row {@code row}'s first element in {@link #data()}. */
  public int at(int row) {
    return offset + row * columns;
  }

  /**
   * Adds some elements of a bias to those of a row with the same numbers.
   *
   * @param bias [1, columns], or null to add nothing
   * @param feature the first element
   * @param count how many elements
   */
  public void addBias(int row, CpuTensor bias, int feature, int count) {
    if (bias != null) {
      float[] added = bias.data();
      int from = bias.at(0) + feature;
      int to = at(row) + feature;
      for (int i = 0; i < count; i++) {
        data[to + i] += added[from + i];
      }
    }
  }

  /** Returns the number of elements. */
  public int elements() {
    return rows * columns;
  }

  @Override
  @SuppressWarnings("ReferenceEquality") // the same array, not an equal one
  public boolean overlaps(Tensor other) {
    return other instanceof CpuTensor own
        && data() == own.data()
        && offset < own.offset + own.elements()
        && own.offset < offset + elements();
  }

  @Override
  public void close() {
    if (owner) {
      data = null;
    }
  }
}
