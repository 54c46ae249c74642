package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Memory of weights that are kept, where the device reads it in place. */
final class KeptMemory implements AutoCloseable {
  private final List<Piece> pieces = new ArrayList<>();

  /** Makes a weight of memory that is freed when the weight doesn't read it, else with this. */
  Weight keep(Function<Arena, Weight> making) {
    Piece memory = new Piece();
    pieces.add(memory);
    Weight weight = making.apply(memory.arena);
    if (weight.ownsMemory()) {
      pieces.removeLast();
      memory.close();
    }
    return weight;
  }

  /** Frees the memory of all weights; those must be closed. */
  @Override
  public void close() {
    pieces.forEach(Piece::close);
    pieces.clear();
  }

  /** A weight's memory, which outlives the call that reads it. */
  private static final class Piece implements AutoCloseable {
    private final Arena arena = Arena.ofShared();

    @Override
    public void close() {
      arena.close();
    }
  }
}
