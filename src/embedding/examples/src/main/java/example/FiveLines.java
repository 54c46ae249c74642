package example;

import io.github.wandacuda.*;
import io.github.wandacuda.library.Pruner;
import java.lang.foreign.*;
import java.util.Arrays;

/** The shortest use: a matrix in the program's own memory, pruned where it lies. */
public final class FiveLines {
  private FiveLines() {}

  /** Takes no arguments. */
  public static void main(String[] args) {
    float[] norms = new float[1024]; // of your activations, one for each input column
    Arrays.fill(norms, 1);
    try (Arena arena = Arena.ofShared();
        Pruner pruner = Pruner.open()) {
      MemorySegment memory = arena.allocate(2L * 1024 * 1024); // a tensor of yours, in BF16
      WeightMatrix weight = WeightMatrix.of(memory, DType.BF16, 1024, 1024); // [out, in]
      PruneResult result = pruner.prune(weight, Criterion.wanda(norms), new Sparsity.Ratio(0.5));
      System.out.println(result.pruned() + " of " + result.elements() + " pruned");
    }
  }
}
