package io.github.wandacuda.model.llama;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;

/**
 * The activations inside a block, kept from one batch to the next and grown when a batch is larger.
 */
final class Workspace implements AutoCloseable {
  private final Operations operations;
  private final LlamaConfig config;
  private int capacity;
  private Tensor narrow;
  private Tensor query;
  private Tensor key;
  private Tensor value;
  private Tensor attended;
  private Tensor gate;
  private Tensor up;

  Workspace(Operations operations, LlamaConfig config) {
    this.operations = operations;
    this.config = config;
  }

  /** The activations for one batch of tokens. */
  record Activations(
      Tensor narrow,
      Tensor query,
      Tensor key,
      Tensor value,
      Tensor attended,
      Tensor gate,
      Tensor up) {}

  Activations forTokens(int tokens) {
    if (tokens > capacity) {
      close();
      narrow = operations.tensor(tokens, config.hiddenSize());
      query = operations.tensor(tokens, config.queryWidth());
      key = operations.tensor(tokens, config.keyValueWidth());
      value = operations.tensor(tokens, config.keyValueWidth());
      attended = operations.tensor(tokens, config.queryWidth());
      gate = operations.tensor(tokens, config.intermediateSize());
      up = operations.tensor(tokens, config.intermediateSize());
      capacity = tokens;
    }
    return new Activations(
        narrow.rows(0, tokens),
        query.rows(0, tokens),
        key.rows(0, tokens),
        value.rows(0, tokens),
        attended.rows(0, tokens),
        gate.rows(0, tokens),
        up.rows(0, tokens));
  }

  @Override
  public void close() {
    if (capacity > 0) {
      capacity = 0;
      narrow.close();
      query.close();
      key.close();
      value.close();
      attended.close();
      gate.close();
      up.close();
    }
  }
}
