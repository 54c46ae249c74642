package io.github.wandacuda.scalar;

/** Groups of columns that are copied from a fused output, as plain loops. */
public final class ScalarGatherColumns {
  private ScalarGatherColumns() {}

  /** See {@link io.github.wandacuda.forward.Operations#gatherColumns}; computes one row. */
  public static void gatherColumns(
      CpuTensor source, int offset, int width, int stride, CpuTensor out, int row) {
    int groups = out.columns() / width;
    for (int i = 0; i < groups; i++) {
      int at = source.at(row) + offset + i * stride;
      System.arraycopy(source.data(), at, out.data(), out.at(row) + i * width, width);
    }
  }
}
