package io.github.wandacuda.scalar;

/** RMSNorm as plain loops. */
final class ScalarRmsNorm {
  private ScalarRmsNorm() {}

  /** See {@link CpuForwardKernels#rmsNorm}. */
  static void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    int columns = x.columns();
    for (int t = from; t < to; t++) {
      float[] lanes = new float[LaneSum.LANES];
      for (int c = 0; c < columns; c++) {
        float value = x.data()[x.at(t) + c];
        lanes[c % LaneSum.LANES] += value * value;
      }
      float mean = LaneSum.combine(lanes) / columns;
      float factor = 1f / (float) Math.sqrt(mean + epsilon);
      for (int c = 0; c < columns; c++) {
        float normal = x.data()[x.at(t) + c] * factor;
        out.data()[out.at(t) + c] = normal * gain.data()[gain.at(0) + c];
      }
    }
  }
}
