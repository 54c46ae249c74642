package io.github.wandacuda.job.prune;

import io.github.wandacuda.checkpoint.gguf.GgufCheckpoint;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskFile;
import io.github.wandacuda.pruning.mask.ModuleMasks;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.BackgroundWork;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Opens the masks that a run is given: files of masks, and pruned models whose zeros are masks. */
public final class MaskInputs {
  private static final String UNION = "union";

  private MaskInputs() {}

  /**
   * Checks that masks are given if the rules need some, and only then.
   *
   * @throws io.github.wandacuda.error.UsageException if not
   */
  public static void check(List<Path> files, PruningRules rules) {
    if (rules.needMasks() && files.isEmpty()) {
      throw new UsageException("method masks needs `masks` FILE or DIR");
    }
    if (!rules.needMasks() && !files.isEmpty()) {
      throw new UsageException("`masks` goes with `method` masks");
    }
  }

  /**
   * Opens masks.
   *
   * @param given files of masks of the model, and directories or GGUF files of pruned models whose
   *     zeros are masks; none for no masks
   * @param union whether a weight is kept that any of them keeps; else those that all of them keep
   * @param model the model to prune
   * @return the caller's to close; nothing if none are given
   * @throws io.github.wandacuda.error.InputException if one isn't of this model
   */
  public static Optional<PruneRequest.MasksIn> open(
      List<Path> given, boolean union, ModelDirectory model) {
    if (given.isEmpty()) {
      return Optional.empty();
    }
    String source = SourceDigest.of(model);
    List<Path> read = new ArrayList<>();
    ModuleMasks masks = open(given.getFirst(), model, source, read);
    try {
      for (Path more : given.subList(1, given.size())) {
        ModuleMasks others = open(more, model, source, read);
        masks = union ? masks.union(others) : masks.intersection(others);
      }
      // A pruned model's shards are read as a whole for the digest, in the background while the run
      // makes its plan.
      return Optional.of(
          new PruneRequest.MasksIn(
              masks,
              BackgroundWork.begin(
                  "wanda-cuda-digest",
                  () -> SourceDigest.ofFiles("masks", read, union ? UNION : ""))));
    } catch (RuntimeException | Error e) {
      masks.close();
      throw e;
    }
  }

  /**
   * Opens masks.
   *
   * @param read takes the files from which they are read
   */
  private static ModuleMasks open(
      Path given, ModelDirectory model, String source, List<Path> read) {
    if (Files.isDirectory(given) || (Files.isRegularFile(given) && GgufCheckpoint.is(given))) {
      ZeroMasks zeros = ZeroMasks.open(given, model);
      read.addAll(zeros.files());
      return zeros;
    }
    read.add(given);
    return MaskFile.open(given, model.modules(), source);
  }
}
