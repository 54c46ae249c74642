package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Tensor;
import java.util.stream.Stream;

/** Makes queries, keys and values. */
interface Projection {
  /**
   * Runs the linear modules.
   *
   * @param input [tokens, hidden]
   * @param query [tokens, heads * headSize]
   * @param key [tokens, keyValueHeads * headSize]
   * @param value as {@code key}
   */
  void run(Tensor input, InputObserver observer, Tensor query, Tensor key, Tensor value);

  /** Returns the linear modules. */
  Stream<Linear> linears();
}
