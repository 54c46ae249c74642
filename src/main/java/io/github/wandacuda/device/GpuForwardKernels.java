package io.github.wandacuda.device;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;

/**
 * The kernels of the forward pass, queued in order. Formulas and shapes are those of {@link
 * io.github.wandacuda.forward.Operations}; sums run in a fixed order, so that a run repeats to the
 * bit. Tensors are dense float32 matrices (stride = columns) that start at a multiple of 4 bytes;
 * weights are in a checkpoint's type, their rows start at a multiple of 16 bytes. Rows are counted
 * from 0 and may be none; shapes were checked.
 */
public interface GpuForwardKernels {
  /** Floats of a row of {@link #crossEntropy}. */
  int LOSS_FLOATS = 3;

  /**
   * Looks tokens up.
   *
   * @param table [vocabulary, columns]
   * @param tokens int32 [out.rows]
   * @param out [tokens, columns]
   */
  void embed(DeviceMatrix table, DevicePointer tokens, DeviceMatrix out);

  /** RMSNorm; {@code out} may be {@code x}. */
  void rmsNorm(DeviceMatrix x, DevicePointer gain, float epsilon, DeviceMatrix out);

  /**
   * LayerNorm; {@code out} may be {@code x}.
   *
   * @param gain float32 [columns]
   * @param bias float32 [columns], or null
   */
  void layerNorm(
      DeviceMatrix x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceMatrix out);

  /**
   * A linear layer, accumulated in float32.
   *
   * @param x [tokens, columns]
   * @param w [features, columns]
   * @param bias float32 [features], or null
   * @param out [tokens, features], of which {@code stride} may be larger: some columns of a wider
   *     result
   */
  void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out);

  /**
   * Rotary embedding in place, of each head's first features, two for each column of {@code cos}.
   *
   * @param x [sequences * positions, heads * headSize]
   * @param cos [positions, pairs]
   * @param sin as {@code cos}
   */
  void rotate(DeviceMatrix x, int headSize, DeviceMatrix cos, DeviceMatrix sin);

  /**
   * Causal attention in one pass over the keys that the window shows, with an online softmax.
   *
   * @param keyBias [heads, sequenceLength], or null
   */
  void attention(
      DeviceMatrix q,
      DeviceMatrix k,
      DeviceMatrix v,
      AttentionShape shape,
      DeviceMatrix keyBias,
      DeviceMatrix out);

  /** {@code out = activation(x)}; {@code out} may be {@code x}. */
  void activate(Activation activation, DeviceMatrix x, DeviceMatrix out);

  /** {@code out = activation(gate) * up}; {@code out} may be either input. */
  void gate(Activation activation, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix out);

  /** {@code x += y}. */
  void add(DeviceMatrix x, DeviceMatrix y);

  /** {@code x *= factor}. */
  void scale(DeviceMatrix x, float factor);

  /** {@code x = cap * tanh(x / cap)}. */
  void softcap(DeviceMatrix x, float cap);

  /**
   * {@code out[t, i * width + j] = source[t, offset + i * stride + j]} for j below the width.
   *
   * @param source [tokens, columns]
   * @param out [tokens, groups * width]
   */
  void gatherColumns(DeviceMatrix source, int offset, int width, int stride, DeviceMatrix out);

  /**
   * Chooses the k most probable experts of each token, equal ones from the lowest on.
   *
   * @param logits [tokens, experts]
   * @param experts int32 [tokens, k]
   * @param weights float32 [tokens, k]
   */
  void route(
      DeviceMatrix logits,
      int k,
      boolean renormalize,
      DevicePointer experts,
      DevicePointer weights);

  /**
   * {@code out[i] = x[rows[i]]}.
   *
   * @param rows int32 [out.rows]
   */
  void gatherRows(DeviceMatrix x, DevicePointer rows, DeviceMatrix out);

  /**
   * {@code out[rows[i]] += factors[i] * x[i]}.
   *
   * @param rows int32 [x.rows], all different
   * @param factors float32 [x.rows]
   */
  void addRows(DeviceMatrix x, DevicePointer rows, DevicePointer factors, DeviceMatrix out);

  /**
   * Bytes of the running sums of {@link #columnSquares} for so many columns.
   *
   * @param columns of the matrices
   */
  long columnSquaresBytes(int columns);

  /**
   * Adds the squares of each column, rounded to float32 one by one, to running sums that keep more
   * digits than a float32.
   *
   * @param x [tokens, columns]
   * @param state {@link #columnSquaresBytes}, all zero at first
   */
  void columnSquares(DeviceMatrix x, DevicePointer state);

  /**
   * Writes out running sums.
   *
   * @param state of {@link #columnSquares}
   * @param sums float32 [2, columns]: the sum of both rows, taken in float64, is a column's sum
   */
  void columnSums(DevicePointer state, int columns, DevicePointer sums);

  /**
   * What cross-entropy is made of: for each row the highest logit m, the sum of exp(logit - m), and
   * the target's logit; the loss is log(sum) + m - logit.
   *
   * @param logits [tokens, vocabulary]
   * @param targets int32 [tokens]
   * @param losses float32 [tokens, {@link #LOSS_FLOATS}]
   */
  void crossEntropy(DeviceMatrix logits, DevicePointer targets, DevicePointer losses);
}
