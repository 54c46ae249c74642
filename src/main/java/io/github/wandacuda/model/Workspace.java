package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * Memory for the activations inside a block. It is kept from one batch to the next, and grown when
 * a batch is larger. Activations that are needed at the same time have different {@linkplain Place
 * places}. It also holds the tables of positions.
 */
final class Workspace implements AutoCloseable {
  private final Operations operations;
  private final Map<Place, Tensor> tensors = new EnumMap<>(Place.class);

  /** Tables of positions, for one number of them at a time. */
  private final Map<PositionTable, Loaded> tables = new IdentityHashMap<>();

  private int positions;

  Workspace(Operations operations) {
    this.operations = operations;
  }

  /**
   * A table on the device.
   *
   * @param kind of the sequence length that it is for, see {@link PositionTable#kind}
   */
  private record Loaded(int kind, Tensor tensor) {}

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

  /**
   * Returns a tensor whose content is undefined; it is valid until the place is taken again.
   *
   * @param place what it is for
   */
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
    // One column first: the elements that are asked for may end in the midst of a row of the
    // tensor.
    return tensor
        .reshaped(tensor.rows() * tensor.columns(), 1)
        .rows(0, rows * columns)
        .reshaped(rows, columns);
  }

  /**
   * Returns a table of positions on the device, or null if {@code table} is null. It is valid until
   * a table for another number of positions, or the same one for another kind of length, is asked
   * for.
   *
   * @param positions the table is for, {@code length} or more
   * @param length tokens of the whole sequence
   */
  Tensor table(PositionTable table, int positions, int length) {
    if (table == null) {
      return null;
    }
    if (positions != this.positions) {
      closeTables();
      this.positions = positions;
    }
    int kind = table.kind(length);
    Loaded loaded = tables.get(table);
    if (loaded == null || loaded.kind() != kind) {
      if (loaded != null) {
        tables.remove(table).tensor().close();
      }
      PositionTable.Values values = table.at(positions, length);
      loaded = new Loaded(kind, operations.tensor(values.rows(), values.columns()));
      operations.upload(MemorySegment.ofArray(values.data()), loaded.tensor());
      tables.put(table, loaded);
    }
    return loaded.tensor();
  }

  /**
   * Rotates the feature pairs of heads in place, each token's by its position.
   *
   * @param heads [tokens, heads * head size]
   * @param pairs which features of a head are turned
   * @param span which positions the tokens have
   */
  void rotate(Tensor heads, RotaryPairs pairs, Rotary rotary, Span span) {
    Tensor cosines = table(rotary.cosines(), span.positions(), span.length());
    Tensor sines = table(rotary.sines(), span.positions(), span.length());
    operations.rotate(heads, pairs, span.added(cosines), span.added(sines));
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
    closeTables();
  }

  private void closeTables() {
    tables.values().forEach(loaded -> loaded.tensor().close());
    tables.clear();
  }
}
