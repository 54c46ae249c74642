package io.github.wandacuda.simd;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuForwardKernels;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;

/**
 * One run of columns of some output features, widened to float32, in the order in which register
 * tiles read it: by blocks of {@link RegisterTile#COLUMNS} features, within a block by columns. The
 * content of features that pad the last tile is undefined.
 */
final class WeightPanel {
  private final LaneTranspose turn = new LaneTranspose();
  private final float[] rows = new float[Lanes.COUNT * CpuForwardKernels.RUN];
  private float[] data = {};

  /**
   * Reads columns {@code column} to {@code column + depth - 1} of {@code count} features.
   *
   * @param depth a run or less
   */
  public void pack(WeightMatrix w, int feature, int count, int column, int depth) {
    data = RegisterTile.grown(data, RegisterTile.wholeColumns(count), CpuForwardKernels.RUN);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      int features = Math.min(Lanes.COUNT, count - i);
      for (int row = 0; row < features; row++) {
        w.read(feature + i + row, column, depth, rows, row * CpuForwardKernels.RUN);
      }
      int lane = i % RegisterTile.COLUMNS;
      turnRows(depth, at(i - lane, depth) + lane);
    }
  }

  /**
   * Does what {@link #pack} does for a weight whose features stand side by side already.
   *
   * @param feature a block's first
   */
  public void unpack(FeatureBlocks w, int feature, int count, int column, int depth) {
    int blocks = Math.ceilDiv(count, FeatureBlocks.FEATURES);
    data =
        RegisterTile.grown(
            data,
            RegisterTile.wholeColumns(blocks * FeatureBlocks.FEATURES),
            CpuForwardKernels.RUN);
    for (int block = 0; block < blocks; block++) {
      int first = block * FeatureBlocks.FEATURES;
      long from = w.at(feature + first, column);
      long step = (long) FeatureBlocks.FEATURES * w.dtype().bytes();
      int tile = first / RegisterTile.COLUMNS * RegisterTile.COLUMNS;
      int to = at(tile, depth) + first - tile;
      switch (w.dtype()) {
        case F32 -> unpackFloats(w.data(), from, step, depth, to);
        case F16 -> unpackHalves(w.data(), from, step, depth, to);
        case BF16 -> unpackBfloats(w.data(), from, step, depth, to);
      }
    }
  }

  private void unpackFloats(MemorySegment from, long at, long step, int depth, int to) {
    for (int k = 0; k < depth; k++) {
      long w = at + k * step;
      int column = to + k * RegisterTile.COLUMNS;
      FeatureBlocks.floats(from, w).intoArray(data, column);
      FeatureBlocks.floats(from, w + (long) Lanes.COUNT * Float.BYTES)
          .intoArray(data, column + Lanes.COUNT);
    }
  }

  private void unpackHalves(MemorySegment from, long at, long step, int depth, int to) {
    for (int k = 0; k < depth; k++) {
      int column = to + k * RegisterTile.COLUMNS;
      FeatureBlocks.halves(from, at + k * step, FeatureBlocks.FEATURES, data, column);
    }
  }

  private void unpackBfloats(MemorySegment from, long at, long step, int depth, int to) {
    for (int k = 0; k < depth; k++) {
      IntVector pairs = FeatureBlocks.pairs(from, at + k * step);
      int column = to + k * RegisterTile.COLUMNS;
      FeatureBlocks.lowBfloats(pairs).intoArray(data, column);
      FeatureBlocks.highBfloats(pairs).intoArray(data, column + Lanes.COUNT);
    }
  }

  /** Writes {@link #rows} as columns; old content of unused rows does no harm. */
  private void turnRows(int depth, int to) {
    int whole = Lanes.FLOATS.loopBound(depth);
    for (int k = 0; k < whole; k += Lanes.COUNT) {
      turn.square(
          rows,
          k,
          CpuForwardKernels.RUN,
          data,
          to + k * RegisterTile.COLUMNS,
          RegisterTile.COLUMNS);
    }
    RegisterTile.stand(
        rows,
        whole,
        CpuForwardKernels.RUN,
        Lanes.COUNT,
        depth - whole,
        data,
        to + whole * RegisterTile.COLUMNS,
        RegisterTile.COLUMNS);
  }

  public float[] data() {
    return data;
  }

  /** Returns the offset of the tile whose first feature is the {@code i}th. */
  public int at(int i, int depth) {
    return i * depth;
  }
}
