package example.modular;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.ModelPruner;
import io.github.wandacuda.library.Pruner;
import java.io.IOException;
import java.nio.file.Path;

/** Prunes a matrix and a model's directory from within a module. */
public final class ModularProgram {
  private ModularProgram() {}

  /** Takes a model, a recipe for it, its statistics and where the pruned model goes. */
  public static void main(String[] args) throws IOException {
    System.out.println("in " + Pruner.class.getModule());
    System.out.println(Pruner.devices().size() + " devices, products by " + SparseMatrix.kernels());
    try (Pruner pruner = Pruner.builder().backend("cpu").open()) {
      float[] values = {1, 4, -2, 3};
      PruneResult result =
          pruner.prune(
              WeightMatrix.of(values, 1, 4),
              Criterion.wanda(new float[] {1, 1, 1, 1}),
              new Sparsity.Ratio(0.5));
      System.out.println(result.pruned() + " of " + result.elements() + " pruned");
    }
    ModelPruner.Result result =
        ModelPruner.of(Path.of(args[0]))
            .recipe(Path.of(args[1]))
            .statistics(Path.of(args[2]))
            .prune(Path.of(args[3]));
    System.out.println("masks " + result.maskSha256());
  }
}
