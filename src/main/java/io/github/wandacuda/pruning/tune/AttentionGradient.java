package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.Exponential;
import io.github.wandacuda.scalar.HeadProducts;
import io.github.wandacuda.scalar.ScalarHeadProducts;
import io.github.wandacuda.scalar.Tanh;
import io.github.wandacuda.simd.VectorHeadProducts;
import io.github.wandacuda.system.ThisRuntime;
import io.github.wandacuda.system.WorkerPool;

/**
 * The gradient of causal attention, as {@link io.github.wandacuda.forward.Operations#attention}
 * computes it, with respect to queries, keys and values. With the probabilities P of one head, its
 * result {@code o = P v} and the loss's gradient do with respect to o: {@code dv = P^T do}, {@code
 * dP = do v^T}, and row by row {@code dS = P * (dP - sum(P * dP))}; a softcap's derivative is
 * {@code 1 - tanh^2}; then {@code dq = scale dS k} and {@code dk = scale dS^T q}, where keys and
 * values sum over the query heads that share them. Probabilities are computed again, one row at a
 * time, so that no matrix of a sequence's tokens by its tokens is ever held.
 *
 * <p>All in float32, in one fixed order, whatever the number of threads.
 *
 * @param shape of whole sequences: no past
 * @param q [tokens, heads * headSize]
 * @param k [tokens, keyValueHeads * headSize]
 * @param v as {@code k}
 * @param keyBias [heads, sequenceLength], or null
 * @param sinks one for each head, or null
 * @param products of a query and its keys; results are the same for any implementation
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
record AttentionGradient(
    AttentionShape shape,
    float[] q,
    float[] k,
    float[] v,
    float[] keyBias,
    float[] sinks,
    HeadProducts products) {
  /** On vectors where the Vector API is, else as plain loops. */
  private static final HeadProducts CHOSEN =
      ThisRuntime.hasVectors() ? new VectorHeadProducts() : new ScalarHeadProducts();

  /** Prepares for the kernels that this JVM can run. */
  AttentionGradient(
      AttentionShape shape, float[] q, float[] k, float[] v, float[] keyBias, float[] sinks) {
    this(shape, q, k, v, keyBias, sinks, CHOSEN);
  }

  /**
   * The gradients, in the shapes of what they are of.
   *
   * @param q with respect to queries
   * @param k with respect to keys
   * @param v with respect to values
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Gradients(float[] q, float[] k, float[] v) {}

  /**
   * Computes the gradients.
   *
   * @param by the gradient with respect to attention's result, [tokens, heads * headSize]
   */
  Gradients of(float[] by, WorkerPool workers) {
    Gradients gradients =
        new Gradients(new float[q.length], new float[k.length], new float[v.length]);
    int sequences = q.length / (shape.heads() * shape.headSize()) / shape.sequenceLength();
    workers.run(
        sequences * shape.keyValueHeads(),
        (worker, task) ->
            new Group(task / shape.keyValueHeads(), task % shape.keyValueHeads(), by, gradients)
                .run());
    return gradients;
  }

  /** The query heads of a sequence that share one head of keys and values. */
  private final class Group {
    private final int size = shape.headSize();
    private final int length = shape.sequenceLength();
    private final int queryWidth = shape.heads() * size;
    private final int keyWidth = shape.keyValueHeads() * size;
    private final int heads = shape.heads() / shape.keyValueHeads();
    private final int start;
    private final int index;
    private final float[] by;
    private final Gradients gradients;

    /** Keys and values with their features as rows, so that a row of scores is a sum of rows. */
    private final float[] keys = new float[size * length];

    private final float[] values = new float[size * length];

    private final float[] p = new float[length];
    private final float[] slopes = new float[length];
    private final float[] changes = new float[length];

    Group(int sequence, int index, float[] by, Gradients gradients) {
      start = sequence * length;
      this.index = index;
      this.by = by;
      this.gradients = gradients;
    }

    void run() {
      for (int token = 0; token < length; token++) {
        int at = keyAt(token);
        for (int feature = 0; feature < size; feature++) {
          keys[feature * length + token] = k[at + feature];
          values[feature * length + token] = v[at + feature];
        }
      }
      for (int head = index * heads; head < (index + 1) * heads; head++) {
        for (int token = 0; token < length; token++) {
          row(head, token);
        }
      }
    }

    private int keyAt(int token) {
      return (start + token) * keyWidth + index * size;
    }

    /** Adds what one query of one head contributes. */
    private void row(int head, int token) {
      int first = shape.firstKey(token);
      int end = token + 1;
      int at = (start + token) * queryWidth + head * size;
      products.products(q, at, size, keys, length, first, end, p);
      probabilities(head, first, end);
      products.products(by, at, size, values, length, first, end, changes);
      float mean = 0;
      for (int j = first; j < end; j++) {
        mean += p[j] * changes[j];
      }
      for (int j = first; j < end; j++) {
        float change = p[j] * (changes[j] - mean) * shape.scale();
        changes[j] = shape.softcap() > 0 ? change * slopes[j] : change;
      }
      int from = keyAt(0);
      products.addWeighted(changes, first, end, k, from, keyWidth, size, gradients.q, at);
      products.spread(changes, first, end, q, at, size, gradients.k, from, keyWidth);
      products.spread(p, first, end, by, at, size, gradients.v, from, keyWidth);
    }

    /** Turns products into probabilities, and notes the softcap's derivatives. */
    private void probabilities(int head, int first, int end) {
      float max = sinks == null ? Float.NEGATIVE_INFINITY : sinks[head];
      for (int j = first; j < end; j++) {
        float score = p[j] * shape.scale();
        if (shape.softcap() > 0) {
          float bent = Tanh.of(score / shape.softcap());
          slopes[j] = 1 - bent * bent;
          score = shape.softcap() * bent;
        }
        p[j] = keyBias == null ? score : score + keyBias[head * length + j];
        max = Math.max(max, p[j]);
      }
      float sum = sinks == null ? 0 : Exponential.exp(sinks[head] - max);
      for (int j = first; j < end; j++) {
        p[j] = Exponential.exp(p[j] - max);
        sum += p[j];
      }
      for (int j = first; j < end; j++) {
        p[j] /= sum;
      }
    }
  }
}
