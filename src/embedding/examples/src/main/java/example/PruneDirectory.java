package example;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.library.ModelPruner;
import java.io.IOException;
import java.nio.file.Path;

/** A model's directory in, a pruned one out. */
public final class PruneDirectory {
  private PruneDirectory() {}

  /** Takes a model, its statistics and where the pruned model goes. */
  public static void main(String[] args) throws IOException {
    ModelPruner.Result result =
        ModelPruner.of(Path.of(args[0]))
            .statistics(Path.of(args[1]))
            .sparsity(Sparsity.ratio(0.5))
            .listener((what, done, total, share) -> System.err.println(what + " " + done))
            .prune(Path.of(args[2]));
    System.out.println(result.pruned() + " of " + result.weights() + " pruned");
    System.out.println("masks " + result.maskSha256());
  }
}
