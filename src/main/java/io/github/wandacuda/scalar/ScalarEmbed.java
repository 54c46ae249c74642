package io.github.wandacuda.scalar;

import io.github.wandacuda.WeightMatrix;

/** Token lookup as plain loops. */
public final class ScalarEmbed {
  private ScalarEmbed() {}

  /**
   * See {@link io.github.wandacuda.forward.Operations#embed}; computes rows {@code from} to {@code
   * to - 1}.
   */
  public static void embed(WeightMatrix table, int[] tokens, CpuTensor out, int from, int to) {
    WeightReader reader = new WeightReader();
    for (int t = from; t < to; t++) {
      reader.read(table, tokens[t], 0, out.columns(), out.data(), out.at(t));
    }
  }
}
