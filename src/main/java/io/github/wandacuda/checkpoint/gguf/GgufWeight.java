package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.gguf.RowSource.StoredRow;
import java.io.IOException;
import java.util.Optional;

/**
 * A module's weight in a GGUF file: which row of the file has each of its rows. These are in
 * Hugging Face's order, as masks are; a file may have them in another one, in several tensors, or
 * in a stack of experts. Immutable.
 */
public final class GgufWeight {
  private final RowSource source;
  private final int first;
  private final boolean turned;
  private final int rows;
  private final int columns;

  private GgufWeight(RowSource source, int first, boolean turned, int rows, int columns) {
    this.source = source;
    this.first = first;
    this.turned = turned;
    this.rows = rows;
    this.columns = columns;
  }

  /**
   * Finds a module's weight.
   *
   * @param checkpoint of a model in GGUF
   * @param tensor the weight there
   * @param transposed whether Hugging Face's form has it as [in, out]
   * @param rows output features
   * @param columns input features
   * @return nothing if a row of the module isn't a row of the file
   */
  public static Optional<GgufWeight> of(
      Checkpoint checkpoint, TensorInfo tensor, boolean transposed, int rows, int columns) {
    if (tensor.bytes() == 0) {
      return Optional.of(new GgufWeight(null, 0, false, 0, columns));
    }
    GgufCheckpoint.RowPlace place = GgufCheckpoint.rowsOf(checkpoint, tensor);
    // GGUF has all weights as [out, in], so a transposed one's rows are those of the file.
    boolean turned = transposed && place.source() instanceof RowSource.Transposed;
    boolean known = transposed ? turned : place.source().stored(place.first()).isPresent();
    return known
        ? Optional.of(new GgufWeight(place.source(), place.first(), turned, rows, columns))
        : Optional.empty();
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  /** Returns the type of its codes, or nothing if it has no elements. */
  public Optional<GgufType> type() {
    return rows == 0 ? Optional.empty() : Optional.of(row(0).stored().tensor().type());
  }

  /** Returns whether a weight can be made 0 while all others of its block stay as they are. */
  public boolean hasZeroCode() {
    return type().stream().allMatch(type -> GgufZeroCodes.of(type).isPresent());
  }

  /** Returns which row of the file has one of this weight's. */
  StoredRow row(int row) {
    return turned
        ? ((RowSource.Transposed) source).fileRow(row)
        : source.stored(first + row).orElseThrow();
  }

  /** Takes rows that follow each other here and in the file. */
  @FunctionalInterface
  interface Run {
    /**
     * Takes a run of rows.
     *
     * @param row the first one's number here
     * @param begin where it is in the file
     * @param count how many there are
     */
    void take(int row, StoredRow begin, int count) throws IOException;
  }

  /**
   * Visits all rows in their order here.
   *
   * @param mostBytes about how many bytes of codes a run has at the most
   */
  void forEachRun(long mostBytes, Run run) throws IOException {
    for (int row = 0; row < rows; ) {
      StoredRow begin = row(row);
      long most = Math.max(1, mostBytes / begin.stored().tensor().rowBytes());
      int count = 1;
      while (row + count < rows && count < most && follows(begin, count, row(row + count))) {
        count++;
      }
      run.take(row, begin, count);
      row += count;
    }
  }

  private static boolean follows(StoredRow begin, int count, StoredRow next) {
    return next.row() == begin.row() + count && next.stored().name().equals(begin.stored().name());
  }
}
