package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.Map;

/** Caches tables of positions on the device, for one number of positions at a time. */
final class PositionTensors implements AutoCloseable {
  private final Operations operations;
  private final Map<PositionTable, Loaded> tables = new IdentityHashMap<>();
  private int positions;

  PositionTensors(Operations operations) {
    this.operations = operations;
  }

  /** A table for the lengths of a kind. */
  private record Loaded(int kind, Tensor tensor) {}

  /**
   * Returns a table, or null for null. It is valid until one for another number of positions or
   * another length is asked for.
   *
   * @param positions the table is for, {@code length} or more
   */
  Tensor at(PositionTable table, int positions, int length) {
    if (table == null) {
      return null;
    }
    if (positions != this.positions) {
      close();
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

  /** Rotates the pairs of some heads, those of each token of a span by its position. */
  void rotate(Tensor heads, RotaryPairs pairs, Rotary rotary, Span span) {
    Tensor cosines = at(rotary.cosines(), span.positions(), span.length());
    Tensor sines = at(rotary.sines(), span.positions(), span.length());
    operations.rotate(heads, pairs, span.added(cosines), span.added(sines));
  }

  @Override
  public void close() {
    tables.values().forEach(loaded -> loaded.tensor().close());
    tables.clear();
  }
}
