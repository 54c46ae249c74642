package io.github.wandacuda.checkpoint;

import io.github.wandacuda.DType;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.util.List;
import java.util.Optional;

/**
 * A tensor's entry in a safetensors header. Two files agree on a tensor's name, type, shape and
 * offsets if these are equal.
 *
 * @param name the tensor's whole name in the file
 * @param dtype the element type as the header spells it, perhaps an unknown one
 * @param shape sizes, outermost first; empty for a scalar
 * @param begin the offset of its first byte in the data section
 * @param end the offset behind its last byte
 */
public record TensorInfo(String name, String dtype, List<Long> shape, long begin, long end) {
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** Returns the element type, or nothing if this library does not compute with it. */
  public Optional<DType> type() {
    return DType.of(dtype);
  }

  /** Returns type and shape, for messages. */
  public String what() {
    return "%s %s".formatted(Printable.of(dtype), shape);
  }

  /**
   * Returns the number of elements.
   *
   * @throws ArithmeticException if it is 2^63 or more
   */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /** Returns the number of bytes. */
  public long bytes() {
    return end - begin;
  }

  /**
   * Returns how many bytes of the tensor to handle at a time: of a matrix the most whole rows that
   * a buffer holds. Where not even one row fits, or there are no rows, it is the whole buffer.
   *
   * @param bufferBytes the buffer's length
   */
  public long pieceBytes(long bufferBytes) {
    if (!isMatrix() || bytes() == 0) {
      return bufferBytes;
    }
    long rowBytes = Math.max(1, bytes() / shape.getFirst());
    return rowBytes > bufferBytes ? bufferBytes : bufferBytes / rowBytes * rowBytes;
  }

  /** Returns whether the tensor has two dimensions, whatever its type. */
  public boolean isMatrix() {
    return shape.size() == 2;
  }

  /**
   * Returns the outer size of a matrix, as it is stored.
   *
   * @throws InputException if it isn't a matrix or has more than 2^31 - 1 rows
   */
  public int rows() {
    return matrixSize(0, "rows");
  }

  /**
   * Returns the inner size of a matrix, as it is stored.
   *
   * @throws InputException if it isn't a matrix or has more than 2^31 - 1 columns
   */
  public int columns() {
    return matrixSize(1, "columns");
  }

  private int matrixSize(int dimension, String what) {
    if (!isMatrix()) {
      throw ErrorDetails.NOWHERE.tensor(name).wrong("a matrix", "shape " + shape);
    }
    long size = shape.get(dimension);
    if (size > Integer.MAX_VALUE) {
      throw ErrorDetails.NOWHERE
          .tensor(name)
          .wrong("at most %d %s".formatted(Integer.MAX_VALUE, what), size);
    }
    return (int) size;
  }
}
