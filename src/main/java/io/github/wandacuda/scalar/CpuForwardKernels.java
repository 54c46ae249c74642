package io.github.wandacuda.scalar;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The arithmetic of the forward half, on arguments whose shapes are already checked. Every
 * implementation gives the same bits, but for those of a NaN. The roundings and the order of sums
 * are stated here and written out in {@link ScalarForward}. All rounding is to float32 unless a
 * type says otherwise.
 *
 * <p>Kernels that work on rows are called for ranges of rows, by several threads at once. {@code
 * linear}, {@link #attention} and {@link #secondMoments} divide their work among threads
 * themselves, since they prepare data that all threads read; they are called from one thread, and
 * may keep buffers for their next call.
 */
public interface CpuForwardKernels {
  /**
   * Terms of a run. A sum of products is divided into runs of this many consecutive terms. Within a
   * run, each product is added by a fused multiply-add, starting from 0; the runs' results are
   * added in order.
   */
  int RUN = 256;

  /** Consecutive rows whose squares are summed in float32 before the sum is added to a double. */
  int SQUARES_RUN = 32;

  /**
   * A linear layer: {@code out[t, o]} is the sum over c of {@code x[t, c] * w[o, c]} in runs of
   * {@link #RUN} columns, plus {@code bias[o]}.
   *
   * @param x [tokens, columns]
   * @param w [features, columns], of any type, widened exactly
   * @param bias [1, features], or null
   * @param out [tokens, features]
   * @param workers do the work together with the caller
   */
  void linear(CpuTensor x, RowReader w, CpuTensor bias, CpuTensor out, WorkerPool workers);

  /**
   * Copies a weight into the order in which {@link #linear(CpuTensor, PackedWeight, CpuTensor,
   * CpuTensor, WorkerPool)} reads it fastest.
   *
   * @param workers do the copying together with the caller
   * @return nothing if these kernels multiply it no faster than as it is
   */
  Optional<PackedWeight> pack(RowReader w, WorkerPool workers);

  /**
   * Multiplies by a packed weight. The results are those of the other {@code linear} to the bit.
   *
   * @param w made by {@link #pack} of these kernels
   * @param bias [1, features], or null
   */
  void linear(CpuTensor x, PackedWeight w, CpuTensor bias, CpuTensor out, WorkerPool workers);

  /**
   * Rounds numbers to bfloat16, to the nearest and of two equally near ones to the even one. A
   * number that is too large becomes infinite; NaN stays NaN.
   *
   * @param x the numbers
   * @param at the index of the first of {@code count} elements
   * @param to native memory, written from byte {@code offset} on
   */
  void round(float[] x, int at, int count, MemorySegment to, long offset);

  /**
   * Computes causal attention. For the query of token i of a sequence, j runs from {@link
   * io.github.wandacuda.forward.AttentionShape#firstKey} to i:
   *
   * <ul>
   *   <li>{@code s[j]} is the sum over features of {@code q * k[j]} in runs, times the scale;
   *   <li>with a softcap it becomes {@code softcap * tanh(s[j] / softcap)} ({@link Tanh}), and with
   *       a key bias that of key j is added;
   *   <li>{@code p[j] = exp(s[j] - max)} ({@link Exponential}), where max passes over NaN; with
   *       sinks, max is at least the head's sink;
   *   <li>the output is the sum over j of {@code p[j] * v[j]}, divided by the sum of p. The
   *       products are added in runs that begin at the sequence's tokens 0, {@link #RUN} and so on;
   *       runs without a key are left out. The sum of p is that of {@link LaneSum}, in which p[j]
   *       is element j; with sinks, {@code exp(sink - max)} is added to it.
   * </ul>
   *
   * <p>So a token's output depends on no other query, and is the same if the tokens before it have
   * none.
   *
   * @param operands the tensors, of fitting shapes
   * @param workers do the work together with the caller
   */
  void attention(AttentionOperands<CpuTensor> operands, WorkerPool workers);

  /**
   * RMSNorm of rows {@code from} to {@code to - 1}: squares are rounded, then summed as {@link
   * LaneSum} says; {@code 1 / sqrt(sum / columns + epsilon)}, each of the four operations rounded,
   * is multiplied by x, rounded, and by the gain, rounded.
   *
   * @param gain [1, columns]
   * @param out as {@code x}, or {@code x} itself
   */
  void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to);

  /**
   * LayerNorm of rows {@code from} to {@code to - 1}: the mean is the sum ({@link LaneSum}) divided
   * by the columns; differences from it are rounded, their squares too, then summed likewise and
   * divided by the columns; {@code 1 / sqrt(variance + epsilon)}, each of the three operations
   * rounded, is multiplied by the difference, rounded, and by the gain, rounded; the bias is added.
   *
   * @param gain row t takes its row t % gain.rows
   * @param bias as {@code gain}, or null
   * @param out as {@code x}, or {@code x} itself
   */
  void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to);

  /**
   * Rotates rows {@code from} to {@code to - 1}; both products are rounded before they are added or
   * subtracted.
   *
   * @param x changed in place
   * @param cos [positions, pairs], which rows take in turn
   * @param sin as {@code cos}
   */
  void rotate(CpuTensor x, RotaryPairs pairs, CpuTensor cos, CpuTensor sin, int from, int to);

  /**
   * The convolution of rows {@code from} to {@code to - 1} of {@code out}: from 0, each product is
   * added by a fused multiply-add, the earliest row's first.
   *
   * @param weights [kernel, columns]
   * @param sequenceLength rows of each sequence in {@code out}
   */
  void convolve(
      CpuTensor x, CpuTensor weights, int sequenceLength, CpuTensor out, int from, int to);

  /**
   * The delta rule of one value head of one sequence. For each token in order: the state is
   * multiplied by the decay; the sum of {@code k * S} over the features of a key, added by fused
   * multiply-adds in order from 0, is subtracted from v, the difference multiplied by the
   * correction; the product of that with k is added to the state by a fused multiply-add; the
   * result is the sum of {@code q * S}, added likewise.
   *
   * @param task the sequence's number times the heads, plus the head's
   */
  void deltaRule(DeltaOperands<CpuTensor> operands, int task);

  /**
   * Computes rows {@code from} to {@code to - 1}. Each operation that is written out is rounded.
   * The activations with a sigmoid are {@code x / (1 + exp(-u))} ({@link Exponential}), with u as
   * the kind says; GELU is {@code x * p}, where p is the {@link NormalTail} of |x| for negative x,
   * else 1 minus that. As in PyTorch, -Infinity becomes NaN, except with RELU and SIGMOID. A cap's
   * tanh is {@link Tanh}.
   *
   * @param y changes nothing if the operation takes only x
   * @param out may be either input
   */
  void elementwise(
      Elementwise operation, CpuTensor x, CpuTensor y, CpuTensor out, int from, int to);

  /**
   * Adds a scaled row of x to a row of {@code out}: {@code factor * x}, rounded, is added to each
   * element.
   *
   * @param row the row of x
   * @param to the row of {@code out}
   */
  void addRow(CpuTensor x, int row, float factor, CpuTensor out, int to);

  /**
   * Adds the squares in columns {@code from} to {@code to - 1} of all rows of x to {@code sums}. A
   * square is rounded, {@link #SQUARES_RUN} rows' squares are summed in order, from 0, and the
   * result is added to the double.
   *
   * @param sums one for each column of x
   */
  void columnSquares(CpuTensor x, double[] sums, int from, int to);

  /**
   * Adds the products of each two columns {@code i <= j} of x to {@code sums}. Rows are taken in
   * runs of {@link #RUN}, from the first one on: within a run each product is added by a fused
   * multiply-add in the order of the rows, starting from 0, and the result is added to the double.
   *
   * @param sums native-endian doubles, aligned, in the order of {@link
   *     io.github.wandacuda.forward.PackedTriangle}
   * @param workers do the work together with the caller
   */
  void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers);

  /**
   * Returns {@code log(sum over c of exp(l[c] - max)) + (max - l[target])} for one row of logits:
   * differences l[c] - max and their sum ({@link LaneSum}) in float32, the rest in double.
   *
   * @param target the column of the target's logit
   */
  double crossEntropy(CpuTensor logits, int row, int target);
}
