package io.github.wandacuda.forward;

import java.util.function.Function;

/**
 * What attention works on, as {@link Operations#attention} says.
 *
 * @param <T> the tensors, as the caller or the backend has them
 * @param q [sequences * shape.queries, heads * headSize], those of each sequence's last tokens
 * @param k [tokens, keyValueHeads * headSize]
 * @param v as {@code k}
 * @param shape the heads, the length of a sequence, its queries, the scale, softcap and window
 * @param keyBias [heads, sequenceLength], added to a head's scores of each key of a sequence, or
 *     null; a head's slope times the key's position makes ALiBi (Press et al., arXiv 2108.12409)
 * @param sinks [1, heads], the score of one more key of each head, which takes its share of the
 *     softmax and has no value (Xiao et al., arXiv 2309.17453; gpt-oss, arXiv 2508.10925), or null
 * @param out as {@code q}
 */
public record AttentionOperands<T>(T q, T k, T v, AttentionShape shape, T keyBias, T sinks, T out) {
  /**
   * Returns the same operands as tensors of another class.
   *
   * @param own converts each; it is given null too
   */
  public <R> AttentionOperands<R> map(Function<T, R> own) {
    return new AttentionOperands<>(
        own.apply(q),
        own.apply(k),
        own.apply(v),
        shape,
        own.apply(keyBias),
        own.apply(sinks),
        own.apply(out));
  }
}
