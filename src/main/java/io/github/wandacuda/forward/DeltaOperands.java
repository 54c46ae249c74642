package io.github.wandacuda.forward;

import java.util.function.Function;

/**
 * What the delta rule works on, as {@link Operations#deltaRule} says.
 *
 * @param <T> the tensors, as the caller or the backend has them
 * @param q [sequences * sequenceLength, keyHeads * keySize]
 * @param k as {@code q}
 * @param v [sequences * sequenceLength, heads * valueSize]
 * @param decay [sequences * sequenceLength, heads]
 * @param correction as {@code decay}
 * @param shape the heads and the length of a sequence
 * @param state [sequences * heads * keySize, valueSize], before the first token, replaced by that
 *     after the last
 * @param out as {@code v}; must not overlap another one
 */
public record DeltaOperands<T>(
    T q, T k, T v, T decay, T correction, DeltaShape shape, T state, T out) {
  /**
   * Returns the same operands as tensors of another class.
   *
   * @param own converts each
   */
  public <R> DeltaOperands<R> map(Function<T, R> own) {
    return new DeltaOperands<>(
        own.apply(q),
        own.apply(k),
        own.apply(v),
        own.apply(decay),
        own.apply(correction),
        shape,
        own.apply(state),
        own.apply(out));
  }
}
