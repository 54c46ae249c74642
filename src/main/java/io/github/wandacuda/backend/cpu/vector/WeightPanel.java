package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.CpuForwardKernels;
import io.github.wandacuda.backend.cpu.WeightReader;
import io.github.wandacuda.tensor.WeightMatrix;

/**
 * One run of columns of some output features, widened to float32, in the order in which tiles read
 * it: {@link Tile#COLUMNS} features after {@link Tile#COLUMNS} features, within those column after
 * column. Features that fill up the last tile hold anything.
 */
final class WeightPanel {
  private final WeightReader reader = new WeightReader();
  private final Turn turn = new Turn();
  private final float[] rows = new float[Lanes.COUNT * CpuForwardKernels.RUN];
  private float[] data = {};

  /**
   * Reads columns {@code column} to {@code column + depth - 1} of {@code count} features.
   *
   * @param depth a run or less
   */
  void pack(WeightMatrix w, int feature, int count, int column, int depth) {
    data = Packing.grown(data, Tile.wholeColumns(count), CpuForwardKernels.RUN);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      int features = Math.min(Lanes.COUNT, count - i);
      for (int row = 0; row < features; row++) {
        reader.read(w, feature + i + row, column, depth, rows, row * CpuForwardKernels.RUN);
      }
      int lane = i % Tile.COLUMNS;
      turnRows(depth, at(i - lane, depth) + lane);
    }
  }

  /** Writes {@link #rows} as columns; what an earlier feature left in unused rows does no harm. */
  private void turnRows(int depth, int to) {
    int whole = Lanes.FLOATS.loopBound(depth);
    for (int k = 0; k < whole; k += Lanes.COUNT) {
      turn.square(rows, k, CpuForwardKernels.RUN, data, to + k * Tile.COLUMNS, Tile.COLUMNS);
    }
    Packing.stand(
        rows,
        whole,
        CpuForwardKernels.RUN,
        Lanes.COUNT,
        depth - whole,
        data,
        to + whole * Tile.COLUMNS,
        Tile.COLUMNS);
  }

  float[] data() {
    return data;
  }

  /** Returns where the tile starts whose first feature is the {@code i}th. */
  int at(int i, int depth) {
    return i * depth;
  }
}
