package io.github.wandacuda.layerwise;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Passes the changes of a block of columns on to the columns to the right of it, by linear layers
 * whose weights are U's rows of the block. Rows are taken in tiles, which bounds the memory.
 */
final class TrailingUpdate implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Operations operations;
  private final WeightRows rows;
  private final GramFactor factor;
  private final MemorySegment changes;
  private final MemorySegment panel;
  private final MemorySegment terms;
  private final Tensor changesOnDevice;
  private final Tensor termsOnDevice;

  private int width;

  /** The first column to the right of the block. */
  private int right;

  private Weight weight;

  /**
   * Makes room.
   *
   * @param widest columns of the widest block
   * @param tileRows rows of a tile at most
   */
  TrailingUpdate(
      Operations operations, WeightRows rows, GramFactor factor, int widest, int tileRows) {
    this.operations = operations;
    this.rows = rows;
    this.factor = factor;
    int rest = rows.columns() - widest;
    changes = floats((long) tileRows * widest);
    panel = floats((long) rest * widest);
    terms = floats((long) tileRows * rest);
    changesOnDevice = operations.tensor(tileRows * widest, 1);
    termsOnDevice = operations.tensor(tileRows * rest, 1);
  }

  private MemorySegment floats(long count) {
    return arena.allocate(Math.max(1, count) * Float.BYTES, Long.BYTES);
  }

  /** Returns where a tile's changes are put, dense rows of the block's width. */
  MemorySegment changes() {
    return changes;
  }

  /** Begins a block. */
  void begin(int first, int count) {
    closeWeight();
    width = count;
    right = first + count;
    int rest = rows.columns() - right;
    for (int j = 0; j < rest; j++) {
      long at = (long) j * width * Float.BYTES;
      MemorySegment.copy(factor.column(right + j), first, panel, FLOAT, at, width);
    }
    if (rest > 0) {
      weight = operations.weight(WeightMatrix.of(panel, DType.F32, rest, width));
    }
  }

  /** Passes the changes of rows {@code from} to {@code to - 1} on. */
  void run(int from, int to) {
    if (weight == null) {
      return;
    }
    Tensor x = shaped(changesOnDevice, to - from, width);
    Tensor product = shaped(termsOnDevice, to - from, weight.rows());
    operations.upload(changes, x);
    operations.linear(x, weight, null, product);
    operations.download(product, terms);
    rows.add(terms, from, to, right);
  }

  private static Tensor shaped(Tensor tensor, int rows, int columns) {
    return tensor.rows(0, rows * columns).reshaped(rows, columns);
  }

  private void closeWeight() {
    if (weight != null) {
      weight.close();
      weight = null;
    }
  }

  @Override
  public void close() {
    closeWeight();
    changesOnDevice.close();
    termsOnDevice.close();
    arena.close();
  }
}
