package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.Elementwise;
import java.lang.foreign.MemorySegment;

/**
 * The kernels of the forward pass, queued in order. Formulas and shapes are those of {@link
 * io.github.wandacuda.forward.Operations}; sums are added in a fixed order, so that results repeat
 * to the bit. Tensors are dense float32 matrices (stride = columns) that start at a multiple of 4
 * bytes; weights are in a checkpoint's type, their rows start at a multiple of 16 bytes. There may
 * be no rows; shapes were checked.
 */
public interface GpuForwardKernels {
  /** Floats of a row of {@link #crossEntropy}. */
  int LOSS_FLOATS = 3;

  /** Bytes of a running sum of {@link #secondMoments}. */
  int MOMENT_BYTES = 8;

  /**
   * Looks tokens up.
   *
   * @param table [vocabulary, columns]
   * @param tokens int32 [out.rows]
   * @param out [tokens, columns]
   */
  void embed(DeviceRows table, DevicePointer tokens, DeviceRows out);

  /** RMSNorm; {@code out} may be {@code x}. */
  void rmsNorm(DeviceRows x, DevicePointer gain, float epsilon, DeviceRows out);

  /**
   * LayerNorm; {@code out} may be {@code x}.
   *
   * @param gain float32 [columns]
   * @param bias float32 [columns], or null
   */
  void layerNorm(
      DeviceRows x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceRows out);

  /**
   * A linear layer, accumulated in float32.
   *
   * @param x [tokens, columns]
   * @param w [features, columns]
   * @param bias float32 [features], or null
   * @param out [tokens, features], whose stride may be larger if it is some columns of a wider
   *     result
   */
  void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out);

  /** Returns whether {@link #sparse} reads packed weights as fast as others, or faster. */
  boolean multipliesSparse();

  /**
   * A linear layer of a packed weight, accumulated in the order of {@link
   * io.github.wandacuda.SparseKernels}.
   *
   * @param x [tokens, columns], at most {@link io.github.wandacuda.SparseMatrix#MOST_ROWS}
   * @param w [features, columns]
   * @param bias float32 [features], or null
   * @param out [tokens, features]
   */
  void sparse(DeviceRows x, DeviceSparse w, DevicePointer bias, DeviceRows out);

  /**
   * Writes a packed weight's elements.
   *
   * @param out of its rows, columns and type
   */
  void unpack(DeviceSparse w, DeviceRows out);

  /**
   * Rotary embedding in place, of each head's first features, two for each column of {@code cos}.
   *
   * @param x [sequences * positions, heads * headSize]
   * @param cos [positions, pairs]
   * @param sin as {@code cos}
   */
  void rotate(DeviceRows x, int headSize, DeviceRows cos, DeviceRows sin);

  /** Causal attention in one pass over the keys inside the window, with an online softmax. */
  void attention(AttentionOperands<DeviceRows> operands);

  /**
   * Computes each element of {@code out} from those at its place.
   *
   * @param y null if the operation takes only x
   * @param out may be either input
   */
  void elementwise(Elementwise operation, DeviceRows x, DeviceRows y, DeviceRows out);

  /**
   * {@code out[t, i * width + j] = source[t, offset + i * stride + j]} for j below the width.
   *
   * @param source [tokens, columns]
   * @param out [tokens, groups * width]
   */
  void gatherColumns(DeviceRows source, int offset, int width, int stride, DeviceRows out);

  /**
   * Chooses the k most probable experts of each token, of equal ones the lowest first.
   *
   * @param logits [tokens, experts]
   * @param experts int32 [tokens, k]
   * @param weights float32 [tokens, k]
   */
  void route(
      DeviceRows logits, int k, boolean renormalize, DevicePointer experts, DevicePointer weights);

  /**
   * {@code out[i] = x[rows[i]]}.
   *
   * @param rows int32 [out.rows]
   */
  void gatherRows(DeviceRows x, DevicePointer rows, DeviceRows out);

  /**
   * {@code out[rows[i]] += factors[i] * x[i]}.
   *
   * @param rows int32 [x.rows], all different
   * @param factors float32 [x.rows]
   */
  void addRows(DeviceRows x, DevicePointer rows, DevicePointer factors, DeviceRows out);

  /**
   * Returns the bytes of the running sums of {@link #columnSquares}.
   *
   * @param columns columns of the matrices
   */
  long columnSquaresBytes(int columns);

  /**
   * Adds the squares of each column, rounded to float32 one by one, to running sums that keep more
   * digits than a float32.
   *
   * @param x [tokens, columns] of any type and stride, at a multiple of an element's size
   * @param state the running sums, {@link #columnSquaresBytes} bytes, all zero at first
   */
  void columnSquares(DeviceRows x, DevicePointer state);

  /**
   * Writes the running sums as float32.
   *
   * @param state the running sums of {@link #columnSquares}
   * @param sums float32 [2, columns]: the sum of both rows, taken in float64, is a column's sum
   */
  void columnSums(DevicePointer state, int columns, DevicePointer sums);

  /**
   * Adds the products of each two columns i ≤ j to running sums that keep more digits than a
   * float32. Rows are taken in runs of 256, the products of a run summed in float32.
   *
   * @param x [tokens, columns]
   * @param state the running sums, {@link #MOMENT_BYTES} each, in the order of {@link
   *     io.github.wandacuda.forward.PackedTriangle}, all zero at first
   */
  void secondMoments(DeviceRows x, DevicePointer state);

  /**
   * Returns a running sum.
   *
   * @param sums a copy of some running sums of {@link #secondMoments} in host memory
   * @param index which of them
   */
  double moment(MemorySegment sums, long index);

  /**
   * Computes the terms of cross-entropy: for each row the highest logit m, the sum of exp(logit -
   * m), and the target's logit; the loss is log(sum) + m - logit.
   *
   * @param logits [tokens, vocabulary]
   * @param targets int32 [tokens]
   * @param losses float32 [tokens, {@link #LOSS_FLOATS}]
   */
  void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses);
}
