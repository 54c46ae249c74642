package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * The numbers of a tensor that is written: rows of one or several tensors of Hugging Face, one
 * tensor after the other.
 *
 * @param parts each with as many rows of as many columns; none where the numbers are given
 * @param partRows rows of each part
 * @param columns of each row
 * @param order of a part's row by its place in the file, or null for the same
 * @param added to each number
 * @param given all numbers, or null
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
record GgufRows(
    List<Checkpoint.Entry> parts,
    int partRows,
    int columns,
    IntUnaryOperator order,
    float added,
    float[] given) {
  /** Returns numbers that are given, as a vector. */
  static GgufRows of(float[] numbers) {
    return new GgufRows(List.of(), 1, numbers.length, null, 0, numbers);
  }

  int rows() {
    return given == null ? Math.multiplyExact(parts.size(), partRows) : 1;
  }

  /**
   * Reads rows as float32.
   *
   * @param first the first one's number in the file
   * @param to receives them, from its beginning on
   */
  void read(int first, int rows, float[] to) {
    if (given != null) {
      System.arraycopy(given, 0, to, 0, given.length);
      return;
    }
    for (int row = 0; row < rows; ) {
      int part = (first + row) / partRows;
      int own = (first + row) % partRows;
      int run = order == null ? Math.min(rows - row, partRows - own) : 1;
      int from = order == null ? own : order.applyAsInt(own);
      read(parts.get(part), from, run, to, row * columns);
      row += run;
    }
    if (added != 0) {
      for (int i = 0; i < rows * columns; i++) {
        to[i] += added;
      }
    }
  }

  private void read(Checkpoint.Entry part, int from, int rows, float[] to, int at) {
    TensorInfo info = part.info();
    DType type = info.type().orElseThrow();
    long rowBytes = (long) columns * type.bytes();
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment stored = memory.allocate(rows * rowBytes, Long.BYTES);
      part.shard().read(info, from * rowBytes, stored);
      type.read(stored, 0, 1, to, at, rows * columns);
    }
  }
}
