package io.github.wandacuda.scalar;

/** Rows that are gathered for an expert, and its output rows that are added, as plain loops. */
public final class ScalarExpertRows {
  private ScalarExpertRows() {}

  /** Copies row {@code from} of {@code x} to row {@code to} of {@code out}. */
  public static void gatherRow(CpuTensor x, int from, CpuTensor out, int to) {
    System.arraycopy(x.data(), x.at(from), out.data(), out.at(to), out.columns());
  }

  /** See {@link CpuForwardKernels#addRow}. */
  static void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to) {
    for (int c = 0; c < x.columns(); c++) {
      out.data()[out.at(to) + c] += factor * x.data()[x.at(row) + c];
    }
  }
}
