package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Work on rows of a layer by the scalar code, and by a backend. */
record RowCases(LayerCase layer) {
  /** Returns what the scalar code gives. */
  <T> T scalar(Function<SquareGram, T> work) {
    return layer.on(1, work);
  }

  /** Returns what each of a backend's operations gives. */
  <T> List<T> on(OpenedBackend backend, Function<SquareGram, T> work) {
    List<T> results = new ArrayList<>();
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(2)) {
      for (Operations operations : backend.operations()) {
        try (SquareGram gram = new SquareGram(operations, workers, layer.packed(arena))) {
          results.add(work.apply(gram));
        }
      }
    }
    return results;
  }
}
