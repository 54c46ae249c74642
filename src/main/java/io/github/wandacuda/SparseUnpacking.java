package io.github.wandacuda;

/** Writes rows of a packed matrix as dense ones. */
final class SparseUnpacking {
  private final SparseMatrix matrix;
  private final SparseRow row;

  SparseUnpacking(SparseMatrix matrix) {
    this.matrix = matrix;
    row = new SparseRow(matrix.dtype(), matrix.columns());
  }

  void write(int from, WeightMatrix destination) {
    for (int r = 0; r < destination.rows(); r++) {
      row.readPacked(matrix, from + r);
      row.unpack((int) (matrix.rowOffset(from + r + 1) - matrix.rowOffset(from + r)));
      row.write(destination, r);
    }
  }
}
