package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import java.util.EnumMap;
import java.util.Map;

/**
 * The activations inside a block, kept from one batch to the next and grown when a batch is larger.
 * Each has a place of its own, so that what shares a place is never needed at once.
 */
final class Workspace implements AutoCloseable {
  private final Operations operations;
  private final Map<Place, Tensor> tensors = new EnumMap<>(Place.class);

  Workspace(Operations operations) {
    this.operations = operations;
  }

  /** What an activation is. */
  enum Place {
    /** A branch's input, normed. */
    NORMED,
    /** Attention's output on its way to the residual. */
    ATTENTION_BRANCH,
    /** The MLP's output on its way to the residual. */
    MLP_BRANCH,
    /** A fused projection's output. */
    FUSED,
    QUERY,
    KEY,
    VALUE,
    ATTENDED,
    GATE,
    UP,
    ROUTER,
    EXPERT_INPUT,
    EXPERT_OUTPUT,
    /** What embeddings are before they are projected, and heads after. */
    NARROW,
    POSITIONS
  }

  /** Returns a tensor whose content is undefined; it is valid until the place is taken again. */
  Tensor take(Place place, int rows, int columns) {
    long elements = (long) rows * columns;
    Tensor tensor = tensors.get(place);
    if (tensor == null || (long) tensor.rows() * tensor.columns() < elements) {
      if (tensor != null) {
        tensors.remove(place).close();
      }
      tensor = operations.tensor(rows, columns);
      tensors.put(place, tensor);
    }
    // As one column, since the rows of another shape need not be whole rows of this one.
    return tensor
        .reshaped(tensor.rows() * tensor.columns(), 1)
        .rows(0, rows * columns)
        .reshaped(rows, columns);
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
  }
}
