package io.github.wandacuda.forward;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The forward half of a backend: the operations that a decoder is assembled from, on float32
 * activations.
 *
 * <p>Calls come from one thread and take effect in their order. A result may overwrite an input
 * only if the method says so. Results of one backend are the same for any number of threads; two
 * backends agree within rounding.
 *
 * <p>A backend's own class is given only tensors and weights that it made itself, and shapes that
 * fit each other: {@link CheckedOperations} checks them. Its results have elements; only tensors,
 * weights and sums may be made without any.
 */
public interface Operations {
  /** Returns a new tensor of zeros, for the caller to close. */
  Tensor tensor(int rows, int columns);

  /**
   * Returns rows whose content is undefined, for batches to be read from and written to.
   *
   * @return rows for the caller to close, in memory of the backend's choice
   */
  default StoredRows storedRows(long rows, int columns) {
    return new HostStoredRows(this, rows, columns);
  }

  /**
   * Returns the bytes of host memory that {@link #storedRows} would take now, for rows that the
   * device's memory has no room for; nothing if the backend works in host memory anyway.
   */
  default OptionalLong hostBytes(long rows, int columns) {
    return OptionalLong.empty();
  }

  /**
   * Copies a tensor's elements from host memory.
   *
   * @param source rows * columns little-endian floats, or more
   */
  void upload(MemorySegment source, Tensor destination);

  /**
   * Copies a tensor's elements to host memory, once the work on them is done.
   *
   * @param destination takes rows * columns little-endian floats
   */
  void download(Tensor source, MemorySegment destination);

  /**
   * Makes a weight readable for the device. A backend that reads host memory keeps the view itself,
   * so the memory must stay allocated and unchanged until the weight is closed.
   *
   * @param matrix [output features, input features], in its own type
   * @return a weight for the caller to close
   */
  Weight weight(RowReader matrix);

  /**
   * Makes a weight ready to be multiplied many times, with one to a few rows at a time: a backend
   * may copy it to memory of its own, in an order of its own. Results are those of {@link #weight}.
   *
   * @param matrix may be freed if the weight {@linkplain Weight#ownsMemory owns its memory}
   * @return for {@link #linear} alone
   */
  default Weight residentWeight(RowReader matrix) {
    return weight(matrix);
  }

  /**
   * Makes room for weights that come to the device while it works on others. All calls of these
   * operations stay with their thread; only those of the returned object may come from another. One
   * set of weights is on its way at a time.
   *
   * @param shapes of the weights, in the order in which they will be sent
   * @return nothing if there is no room for all of them beside what is there, or no need: where
   *     weights are read where they lie
   */
  default Optional<WeightsAhead> weightsAhead(List<WeightsAhead.Shape> shapes) {
    return Optional.empty();
  }

  /**
   * Returns whether packed weights of a type, multiplied with one to a few rows at a time, are at
   * their best as they are; else they are better unpacked.
   */
  default boolean multipliesSparse(DType dtype) {
    return false;
  }

  /**
   * Makes a packed weight ready to be multiplied many times, with one to a few rows at a time. The
   * memory must stay allocated and unchanged until the weight is closed.
   *
   * @param matrix of a type for which {@link #multipliesSparse} says so
   * @return for {@link #linear} alone
   * @throws UnsupportedOperationException if the backend multiplies dense matrices alone
   */
  default Weight sparseWeight(SparseMatrix matrix) {
    throw new UnsupportedOperationException("this backend multiplies dense matrices alone");
  }

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
   * @param epsilon keeps a row of zeros from a division by 0
   * @param out [tokens, columns]; may be {@code x}
   */
  void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out);

  /**
   * LayerNorm: {@code out = (x - mean(x)) / sqrt(variance(x) + epsilon) * gain + bias} for each
   * row, with the biased variance {@code mean((x - mean(x))^2)} (Ba et al., arXiv 1607.06450).
   *
   * @param x [rows, columns]
   * @param gain [g, columns], of which row t of x takes row t % g: g is the heads where each has a
   *     gain of its own, else 1
   * @param bias [1, columns], or null for none
   * @param out [tokens, columns]; may be {@code x}
   */
  void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out);

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
   * Rotary position embedding in place (Su et al., arXiv 2104.09864): for pair i of p, {@code (a,
   * b) = (x[f + i], x[f + i + p])} of a head, or {@code (x[f + 2i], x[f + 2i + 1])} where pairs are
   * interleaved, becomes {@code (a*cos - b*sin, b*cos + a*sin)}. Features of a head before the
   * first one, f, and from f + 2p on are unchanged.
   *
   * @param x [sequences * positions, heads * headSize], each sequence starting at position 0
   * @param pairs where a head's pairs are
   * @param cos [positions, p]; its rows are the sequence length
   * @param sin as {@code cos}
   */
  void rotate(Tensor x, RotaryPairs pairs, Tensor cos, Tensor sin);

  /**
   * Causal scaled dot-product attention: {@code softmax(softcap(q k^T * scale) + keyBias) v} where
   * token i of a sequence sees tokens 0 to i of that sequence, or only the last of these if the
   * shape has a window (Vaswani et al., arXiv 1706.03762, section 3.2.1; grouped heads: arXiv
   * 2305.13245). Where a sequence's first tokens have no query, the others get on the CPU the bits
   * that they get among the queries of all tokens.
   *
   * @param of the operands with their shapes; its result is written
   */
  void attention(AttentionOperands<Tensor> of);

  /**
   * Attention without sinks; the operands are those of {@link AttentionOperands}.
   *
   * @param keyBias null for none
   */
  default void attention(
      Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor keyBias, Tensor out) {
    attention(new AttentionOperands<>(q, k, v, shape, keyBias, null, out));
  }

  /**
   * A causal convolution of each column by itself: {@code out[t, c] = sum over j of weights[j, c] *
   * x[t + before - (kernel - 1) + j, c]}, rows before a sequence's first one taken as 0; {@code
   * before} is how many rows each sequence of x has more than that of the result.
   *
   * @param x [sequences * (before + sequenceLength), columns]
   * @param weights [kernel, columns]
   * @param sequenceLength tokens of a sequence of the result
   * @param out [sequences * sequenceLength, columns]; must not overlap {@code x}
   */
  void convolve(Tensor x, Tensor weights, int sequenceLength, Tensor out);

  /**
   * The gated delta rule (Yang et al., arXiv 2412.06464): for each token of a sequence and each
   * value head, whose state is the matrix S, {@code S = decay * S}, then {@code S = S + k
   * (correction * (v - k^T S))}, and the result is {@code q^T S}.
   *
   * @param of the operands with their shapes; its result and its state are written
   */
  void deltaRule(DeltaOperands<Tensor> of);

  /**
   * Computes each element of {@code out} from those at its place.
   *
   * @param x [rows, columns]
   * @param y as {@code x}, or null if the operation {@linkplain Elementwise#takesTwo takes only x}
   * @param out as {@code x}; may be either input
   */
  void elementwise(Elementwise operation, Tensor x, Tensor y, Tensor out);

  /** {@code x = 0}. */
  void clear(Tensor x);

  /**
   * Copies groups of columns: {@code out[t, to + i * toStride + j] = source[t, from + i *
   * fromStride + j]} for each j below the width and each of the groups i. Other columns of {@code
   * out} stay as they are.
   *
   * @param source [tokens, columns]
   * @param groups their place in both
   * @param out [tokens, columns]; must not overlap {@code source}
   */
  void gatherColumns(Tensor source, ColumnGroups groups, Tensor out);

  /**
   * Copies groups of columns from a fused output: {@code out[t, i * width + j] = source[t, offset +
   * i * stride + j]} for each j below the width and each of the groups of {@code out}.
   *
   * @param source [tokens, columns]
   * @param offset the first group's first column
   * @param width columns of a group
   * @param stride columns from a group's first to the next group's first
   * @param out [tokens, groups * width]; must not overlap {@code source}
   */
  default void gatherColumns(Tensor source, int offset, int width, int stride, Tensor out) {
    gatherColumns(source, ColumnGroups.all(offset, width, stride, out.columns()), out);
  }

  /**
   * Chooses experts: the best ones of each token by what a rule makes of its logits, of equal ones
   * the lowest first (Shazeer et al., arXiv 1701.06538; Jiang et al., arXiv 2401.04088, section
   * 2.1).
   *
   * @param logits [tokens, experts]
   * @param correction [1, experts], added to the scores that experts are chosen by and not to their
   *     weights (Wang et al., arXiv 2408.15664), or null
   * @param rule how they are chosen and weighed; its groups divide the experts evenly, and have
   *     enough of them
   * @return the routing, in host memory, since the host decides which experts run
   */
  Routing route(Tensor logits, Tensor correction, RoutingRule rule);

  /**
   * Copies rows: row i of {@code out} becomes row {@code rows[i]} of {@code x}.
   *
   * @param x [tokens, columns]
   * @param rows one index for each row of {@code out}
   * @param out [rows, columns]; must not overlap {@code x}
   */
  void gatherRows(Tensor x, int[] rows, Tensor out);

  /**
   * Adds weighted rows: {@code out[rows[i]] += factors[i] * x[i]}.
   *
   * @param x [rows, columns]
   * @param rows one index below {@code out}'s rows for each row of {@code x}, all different
   * @param factors one for each row of {@code x}
   * @param out [tokens, columns]; must not overlap {@code x}
   */
  void addRows(Tensor x, int[] rows, float[] factors, Tensor out);

  /** Returns a new set of column sums, all zero, for the caller to close. */
  ColumnSquares columnSquares(int columns);

  /** Returns a new set of sums of products of columns, all zero, for the caller to close. */
  SecondMoments secondMoments(int columns);

  /**
   * Returns what works on pruned rows where the tensors of these operations are, or nothing if that
   * is done in host memory.
   *
   * @param gram second moments [columns, columns] in F32, which must stay open
   * @return for the caller to close
   */
  default Optional<LayerFitting> rowFitting(Weight gram) {
    return Optional.empty();
  }

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
