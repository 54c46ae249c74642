package io.github.wandacuda.scalar;

/** Cross-entropy as plain loops. */
final class ScalarCrossEntropy {
  private ScalarCrossEntropy() {}

  /** See {@link CpuForwardKernels#crossEntropy}. */
  static double crossEntropy(CpuTensor logits, int row, int target) {
    float[] l = logits.data();
    int at = logits.at(row);
    float max = Float.NEGATIVE_INFINITY;
    for (int c = 0; c < logits.columns(); c++) {
      max = l[at + c] > max ? l[at + c] : max;
    }
    float[] lanes = new float[LaneSum.LANES];
    for (int c = 0; c < logits.columns(); c++) {
      lanes[c % LaneSum.LANES] += Exponential.exp(l[at + c] - max);
    }
    return Math.log(LaneSum.combine(lanes)) + ((double) max - l[at + target]);
  }
}
