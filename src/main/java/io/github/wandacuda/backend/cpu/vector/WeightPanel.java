package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.ForwardKernels;
import io.github.wandacuda.backend.cpu.WeightReader;
import io.github.wandacuda.tensor.WeightMatrix;

/**
 * One run of columns of some output features, widened to float32, in the order in which tiles read
 * it: {@link Tile#COLUMNS} features after {@link Tile#COLUMNS} features, within those column after
 * column. Features that fill up the last tile hold anything.
 */
final class WeightPanel {
  private final WeightReader reader = new WeightReader();
  private final float[] row = new float[ForwardKernels.RUN];
  private float[] data = {};

  /**
   * Reads columns {@code column} to {@code column + depth - 1} of {@code count} features.
   *
   * @param depth a run or less
   */
  void pack(WeightMatrix w, int feature, int count, int column, int depth) {
    data = Packing.grown(data, Tile.wholeColumns(count), ForwardKernels.RUN);
    for (int i = 0; i < count; i++) {
      int lane = i % Tile.COLUMNS;
      reader.read(w, feature + i, column, depth, row, 0);
      Packing.stand(row, 0, depth, data, at(i - lane, depth) + lane, Tile.COLUMNS);
    }
  }

  float[] data() {
    return data;
  }

  /** Returns where the tile starts whose first feature is the {@code i}th. */
  int at(int i, int depth) {
    return i * depth;
  }
}
