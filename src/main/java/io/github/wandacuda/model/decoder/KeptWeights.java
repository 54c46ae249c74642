package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The memory of weights that are kept, but that the device reads in place. */
final class KeptWeights implements AutoCloseable {
  private final List<KeptMemory> kept = new ArrayList<>();

  /** Makes a weight of memory that is freed when the weight doesn't read it, else with this. */
  Weight keep(Function<Arena, Weight> making) {
    KeptMemory memory = new KeptMemory();
    kept.add(memory);
    Weight weight = making.apply(memory.arena);
    if (weight.ownsMemory()) {
      kept.removeLast();
      memory.close();
    }
    return weight;
  }

  /** Frees the memory; the weights must be closed. */
  @Override
  public void close() {
    kept.forEach(KeptMemory::close);
    kept.clear();
  }

  /** A weight's memory, which outlives the call that reads it. */
  private static final class KeptMemory implements AutoCloseable {
    private final Arena arena = Arena.ofShared();

    @Override
    public void close() {
      arena.close();
    }
  }
}
