package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.util.function.Function;

/** Runs work on a layer's inputs, on the CPU's scalar forward pass. */
final class SwapsRun {
  private SwapsRun() {}

  static <T> T on(LayerCase layer, int threads, Function<SquareGram, T> work) {
    return on(layer, new ScalarRows(), threads, work);
  }

  static <T> T on(
      LayerCase layer, RowArithmetic arithmetic, int threads, Function<SquareGram, T> work) {
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(threads)) {
      Operations operations = CpuOperations.checked(new ScalarForward(), workers, null);
      try (SquareGram gram = new SquareGram(operations, workers, layer.packed(arena), arithmetic)) {
        return work.apply(gram);
      }
    }
  }
}
