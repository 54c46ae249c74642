package io.github.wandacuda.forward.simd;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.reference.WeightReader;
import io.github.wandacuda.simd.LaneTranspose;
import io.github.wandacuda.simd.Lanes;
import jdk.incubator.vector.FloatVector;

/**
 * Some columns of {@link #FEATURES} output features, widened to float32, column by column, in the
 * first-level cache. It is filled straight from the weights' memory where that may be read by
 * vectors, since with few rows to multiply the time is that of reading the weights.
 */
final class FeaturePanel {
  /** Vectors of features: four chains of additions hide each other's latency. */
  static final int VECTORS = 4;

  /** Features of a panel. */
  static final int FEATURES = VECTORS * Lanes.COUNT;

  /** Columns of a panel, a divisor of a run. */
  static final int COLUMNS = 128;

  private final LaneTranspose turn = new LaneTranspose();
  private final WeightReader reader = new WeightReader();
  private final float[] data = new float[COLUMNS * FEATURES];
  private final float[] raw = new float[Lanes.COUNT * Lanes.COUNT];
  private final float[] row = new float[Math.max(COLUMNS, FEATURES)];

  /**
   * Reads some columns.
   *
   * @param count features, at most {@link #FEATURES}; the content of the others is undefined
   * @param depth columns, at most {@link #COLUMNS}
   */
  void pack(WeightMatrix w, int feature, int count, int column, int depth) {
    if (!w.hasDenseRows() && w.rowStride() == 1) {
      packColumns(w, feature, count, column, depth);
      return;
    }
    boolean vectors = w.hasDenseRows() && w.data().isNative() && !w.data().isMapped();
    int step = Lanes.COUNT * (Float.BYTES / w.dtype().bytes());
    int whole = vectors ? depth / step * step : 0;
    for (int first = 0; first < count; first += Lanes.COUNT) {
      int rows = Math.min(Lanes.COUNT, count - first);
      for (int c = 0; c < whole; c += step) {
        packSquare(w, feature + first, rows, column + c, c * FEATURES + first);
      }
      packOneByOne(w, feature + first, rows, column + whole, depth - whole, first, whole);
    }
  }

  /** Reads a matrix whose columns lie side by side. */
  private void packColumns(WeightMatrix w, int feature, int count, int column, int depth) {
    WeightMatrix turned = w.transposed();
    for (int c = 0; c < depth; c++) {
      reader.read(turned, column + c, feature, count, data, c * FEATURES);
    }
  }

  private void packOneByOne(
      WeightMatrix w, int feature, int rows, int column, int depth, int lane, int from) {
    for (int i = 0; depth > 0 && i < rows; i++) {
      reader.read(w, feature + i, column, depth, row, 0);
      PanelPacking.stand(row, 0, depth, data, from * FEATURES + lane + i, FEATURES);
    }
  }

  private void packSquare(WeightMatrix w, int feature, int rows, int column, int to) {
    long at = w.byteOffset(feature, column);
    long stride = w.rowStride() * w.dtype().bytes();
    switch (w.dtype()) {
      case F32 -> turn.square(w.data(), at, stride, rows, data, to, FEATURES);
      case F16 -> {
        turn.square(w.data(), at, stride, rows, raw, 0, Lanes.COUNT);
        widenHalves(to);
      }
      case BF16 -> {
        turn.square(w.data(), at, stride, rows, raw, 0, Lanes.COUNT);
        widenBfloats(to);
      }
    }
  }

  /** Widens the square of pairs in {@link #raw}; the earlier column is in the lower half. */
  private void widenBfloats(int to) {
    for (int pair = 0; pair < Lanes.COUNT; pair++) {
      FloatVector both = FloatVector.fromArray(Lanes.FLOATS, raw, pair * Lanes.COUNT);
      int at = to + 2 * pair * FEATURES;
      PairWidening.lowBfloats(both).intoArray(data, at);
      PairWidening.highBfloats(both).intoArray(data, at + FEATURES);
    }
  }

  private void widenHalves(int to) {
    for (int pair = 0; pair < Lanes.COUNT; pair++) {
      FloatVector both = FloatVector.fromArray(Lanes.FLOATS, raw, pair * Lanes.COUNT);
      int at = to + 2 * pair * FEATURES;
      PairWidening.lowHalves(both).intoArray(data, at);
      PairWidening.highHalves(both).intoArray(data, at + FEATURES);
    }
  }

  float[] data() {
    return data;
  }
}
