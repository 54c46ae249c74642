package io.github.wandacuda.model;

import io.github.wandacuda.forward.Tensor;
import java.util.IdentityHashMap;
import java.util.Map;

/** Caches tables of positions on the device, for one sequence length at a time. */
final class PositionTensors implements AutoCloseable {
  private final DecoderWeights weights;
  private final Map<PositionTable, Tensor> tensors = new IdentityHashMap<>();
  private int length;

  PositionTensors(DecoderWeights weights) {
    this.weights = weights;
  }

  /**
   * Returns a table, or null for null. It is valid until a table of another length is asked for.
   */
  Tensor at(PositionTable table, int sequenceLength) {
    if (table == null) {
      return null;
    }
    if (sequenceLength != length) {
      close();
      length = sequenceLength;
    }
    return tensors.computeIfAbsent(table, this::upload);
  }

  private Tensor upload(PositionTable table) {
    PositionTable.Values values = table.at(length);
    return weights.tensor(values.data(), values.rows(), values.columns());
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
  }
}
