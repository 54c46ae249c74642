package io.github.wandacuda.scalar;

/** Rotary position embedding as plain loops. */
final class ScalarRotate {
  private ScalarRotate() {}

  /** See {@link CpuForwardKernels#rotate}. */
  static void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to) {
    int pairs = cos.columns();
    float[] data = x.data();
    for (int t = from; t < to; t++) {
      int position = t % cos.rows();
      for (int head = 0; head < x.columns(); head += headSize) {
        for (int i = 0; i < pairs; i++) {
          int at = x.at(t) + head + i;
          float c = cos.data()[cos.at(position) + i];
          float s = sin.data()[sin.at(position) + i];
          float a = data[at];
          float b = data[at + pairs];
          data[at] = a * c - b * s;
          data[at + pairs] = b * c + a * s;
        }
      }
    }
  }
}
