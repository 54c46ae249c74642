package io.github.wandacuda.forward;

import java.util.function.Function;

/**
 * What attention works on, as {@link Operations#attention} says.
 *
 * @param <T> the tensors
 * @param keyBias null for none
 * @param sinks null for none
 */
public record AttentionOperands<T>(T q, T k, T v, AttentionShape shape, T keyBias, T sinks, T out) {
  /**
   * Returns the same of another type.
   *
   * @param own is given null too
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
