package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import java.util.EnumMap;
import java.util.Map;

/**
 * Memory for the activations inside a block, kept from one batch to the next and grown when a batch
 * is larger; activations that are needed at the same time have different places. And its tables of
 * positions.
 */
final class Workspace implements AutoCloseable {
  private final Operations operations;
  private final PositionTensors positions;
  private final Map<Place, Tensor> tensors = new EnumMap<>(Place.class);

  Workspace(Operations operations) {
    this.operations = operations;
    positions = new PositionTensors(operations);
  }

  PositionTensors positions() {
    return positions;
  }

  /** What a piece of memory is for. */
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
    /** What keys and values, or low-rank queries, are made of. */
    LATENT,
    /** The rotated features that the keys of all heads share. */
    SHARED_KEY,
    /** Features of all heads, before or after those of a key or value are chosen. */
    WIDE,
    /** A short convolution's inputs. */
    MIXED,
    CONVOLVED,
    /** How much of a state is corrected, and how much is kept. */
    CORRECTION,
    DECAY,
    STATE,
    GATE,
    UP,
    ROUTER,
    EXPERT_INPUT,
    WEIGHED_INPUT,
    EXPERT_OUTPUT,
    /** What a mixture's output changes by without one of its experts. */
    ABSENCE,
    /** Embeddings before they are projected to the hidden size. */
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
    // Reshaped to one column first, since the result's elements may end within a row of the tensor.
    return tensor
        .reshaped(tensor.rows() * tensor.columns(), 1)
        .rows(0, rows * columns)
        .reshaped(rows, columns);
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
    positions.close();
  }
}
