package io.github.wandacuda.backend;

import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;

/**
 * The forward half of a backend: the few operations that a decoder is assembled from, on float32
 * activations.
 *
 * <p>Calls come from one thread and take effect in their order. A result may be written over an
 * input only where the method says so. Results of one backend are the same for any number of
 * threads; two backends agree within rounding.
 */
public interface Operations {

  /** Returns a new tensor of zeros. */
  Tensor tensor(int rows, int columns);

  /** Copies rows * columns little-endian floats from host memory. */
  void upload(MemorySegment source, Tensor destination);

  /** Copies rows * columns little-endian floats to host memory. */
  void download(Tensor source, MemorySegment destination);

  /**
   * Makes a weight readable for the device. A backend that reads host memory keeps the view itself,
   * so the memory must stay as it is and reachable until the weight is closed.
   */
  Weight weight(WeightMatrix matrix);

  /**
   * Looks tokens up: row t of {@code out} becomes row {@code tokens[t]} of {@code table}, widened
   * to float32.
   *
   * @param table [vocabulary, columns]
   * @param tokens one id for each row of {@code out}, each below the table's rows
   * @param out [tokens, columns]
   */
  void embed(Weight table, int[] tokens, Tensor out);

  /**
   * RMSNorm: {@code out = x / sqrt(mean(x^2) + epsilon) * gain} for each row (Zhang and Sennrich,
   * arXiv 1910.07467).
   *
   * @param x [tokens, columns]
   * @param gain [1, columns]
   * @param out [tokens, columns]; may be {@code x}
   */
  void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out);

  /**
   * A linear layer: {@code out[t, o] = sum over c of x[t, c] * w[o, c] + bias[o]}, accumulated in
   * float32.
   *
   * @param x [tokens, w.columns]
   * @param w [out.columns, x.columns]
   * @param bias [1, w.rows], or null for none
   * @param out [tokens, w.rows]
   */
  void linear(Tensor x, Weight w, Tensor bias, Tensor out);

  /**
   * Rotary position embedding in place (Su et al., arXiv 2104.09864), with halves rotated against
   * each other: for pair i of a head of size d, {@code (a, b) = (x[i], x[i + d/2])} becomes {@code
   * (a*cos - b*sin, b*cos + a*sin)}.
   *
   * @param x [sequences * positions, heads * headSize], each sequence starting at position 0
   * @param headSize features of a head, even
   * @param cos [positions, headSize / 2]; its rows are the sequence length
   * @param sin as {@code cos}
   */
  void rotate(Tensor x, int headSize, Tensor cos, Tensor sin);

  /**
   * Causal scaled dot-product attention: {@code softmax(q k^T * scale) v} where token i of a
   * sequence sees tokens 0 to i of the same one (Vaswani et al., arXiv 1706.03762, section 3.2.1;
   * grouped heads: arXiv 2305.13245).
   *
   * @param q [tokens, heads * headSize]
   * @param k [tokens, keyValueHeads * headSize]
   * @param v [tokens, keyValueHeads * headSize]
   * @param shape the heads, and how the tokens fall into sequences
   * @param out [tokens, heads * headSize]
   */
  void attention(Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor out);

  /**
   * The gate of a gated MLP: {@code out = gate * sigmoid(gate) * up}; {@code out} may be either
   * input.
   */
  void siluMultiply(Tensor gate, Tensor up, Tensor out);

  /** {@code x += y}. */
  void add(Tensor x, Tensor y);

  /** Returns a new set of column sums, all zero. */
  ColumnSquares columnSquares(int columns);

  /**
   * Cross-entropy: for each row the negative log-likelihood, in nats, of its target under the
   * softmax of its logits.
   *
   * @param logits [tokens, vocabulary]
   * @param targets one id for each row, below the vocabulary
   * @return one value for each row
   */
  double[] crossEntropy(Tensor logits, int[] targets);
}
