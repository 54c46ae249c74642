package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;

/**
 * The arithmetic of the forward half, on arguments whose shapes are already checked. Every
 * implementation gives the same bits: what is rounded, and in which order sums are made, is stated
 * here and spelled out by {@link ScalarForward}. (The bits of a NaN are left open.) All rounding is
 * to float32 unless a type says otherwise.
 *
 * <p>Kernels that work on rows are called for ranges of rows, by several threads at once. {@link
 * #linear} and {@link #attention} share their work out themselves, since they prepare data that all
 * threads read; they are called from one thread, and may keep buffers for their next call.
 */
public interface ForwardKernels {
  /**
   * Terms of a run. A sum of products is made of runs of this many consecutive terms: within a run,
   * from 0, each product is added by a fused multiply-add; the runs' results are added in order.
   */
  int RUN = 256;

  /** Consecutive rows whose squares are summed in float32 before they go into a double. */
  int SQUARES_RUN = 32;

  /**
   * A linear layer: {@code out[t, o]} is the sum over c of {@code x[t, c] * w[o, c]} in runs of
   * {@link #RUN} columns, plus {@code bias[o]}.
   *
   * @param bias null for none
   */
  void linear(CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, Workers workers);

  /**
   * Causal attention. For the query of token i of a sequence, and j from 0 to i: {@code s[j]} is
   * the sum over features of {@code q * k[j]} in runs, times the scale; {@code p[j] = exp(s[j] -
   * max)} ({@link Exponential}), where max passes over NaN; the output is the sum over j of {@code
   * p[j] * v[j]} in runs, which begin at the sequence's tokens 0, {@link #RUN} and so on, divided
   * by the sum of p in the order of {@link LaneSum}.
   */
  void attention(
      CpuTensor q, CpuTensor k, CpuTensor v, AttentionShape shape, CpuTensor out, Workers workers);

  /**
   * RMSNorm of rows {@code from} to {@code to - 1}: squares are rounded, then summed as {@link
   * LaneSum} says; {@code 1 / sqrt(sum / columns + epsilon)}, each of the four operations rounded,
   * is multiplied by x, rounded, and by the gain, rounded.
   */
  void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to);

  /**
   * Rotates rows {@code from} to {@code to - 1}; both products are rounded before they are added or
   * subtracted.
   */
  void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to);

  /**
   * {@code gate / (1 + exp(-gate)) * up} for rows {@code from} to {@code to - 1}, each operation
   * rounded.
   */
  void siluMultiply(CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to);

  /** Adds y to x in rows {@code from} to {@code to - 1}. */
  void add(CpuTensor x, CpuTensor y, int from, int to);

  /**
   * Adds the squares in columns {@code from} to {@code to - 1} of all rows of x to {@code sums}. A
   * square is rounded, {@link #SQUARES_RUN} rows' squares are summed in order, from 0, and the
   * result is added to the double.
   */
  void columnSquares(CpuTensor x, double[] sums, int from, int to);

  /**
   * Returns {@code log(sum over c of exp(l[c] - max)) + (max - l[target])} for one row of logits:
   * differences l[c] - max and their sum ({@link LaneSum}) in float32, the rest in double.
   */
  double crossEntropy(CpuTensor logits, int row, int target);
}
