package io.github.wandacuda.scalar;

import java.util.Arrays;

/** LayerNorm as plain loops. */
final class ScalarLayerNorm {
  private ScalarLayerNorm() {}

  /** See {@link CpuForwardKernels#layerNorm}. */
  static void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    int columns = x.columns();
    for (int t = from; t < to; t++) {
      float[] lanes = new float[LaneSum.LANES];
      for (int c = 0; c < columns; c++) {
        lanes[c % LaneSum.LANES] += x.data()[x.at(t) + c];
      }
      float mean = LaneSum.combine(lanes) / columns;
      Arrays.fill(lanes, 0f);
      for (int c = 0; c < columns; c++) {
        float difference = x.data()[x.at(t) + c] - mean;
        lanes[c % LaneSum.LANES] += difference * difference;
      }
      float variance = LaneSum.combine(lanes) / columns;
      float factor = 1f / (float) Math.sqrt(variance + epsilon);
      for (int c = 0; c < columns; c++) {
        float normal = (x.data()[x.at(t) + c] - mean) * factor;
        float gained = normal * gain.data()[gain.at(0) + c];
        out.data()[out.at(t) + c] = bias == null ? gained : gained + bias.data()[bias.at(0) + c];
      }
    }
  }
}
