package io.github.wandacuda.cli.option;

import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.prune.MaskInputs;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskFile;
import io.github.wandacuda.pruning.recipe.PruningRules;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** Where masks come from that a run takes instead of choosing them, and where it saves its own. */
public final class MaskOptions {
  public static final String SAVE = "--save-masks";

  private static final String UNION = "union";

  @Option(
      names = "--masks",
      paramLabel = "FILE|DIR",
      description =
          "The masks of --method masks: a file that --save-masks wrote, or a pruned model, whose"
              + " zeros are the mask. Several are combined.")
  private List<Path> files = new ArrayList<>();

  @Option(
      names = "--combine-masks",
      paramLabel = "NAME",
      description =
          "Of several masks keep what all keep, intersection, or what any keeps, union (default:"
              + " intersection).")
  private String combination;

  @Option(names = SAVE, paramLabel = "FILE", description = "Also write the masks of this run.")
  private Path saved;

  public void check(PruningRules rules) {
    MaskInputs.check(files, rules);
    if (combination != null && files.size() < 2) {
      throw new UsageException("--combine-masks says how several --masks are combined");
    }
    if (combination != null && !List.of("intersection", UNION).contains(combination)) {
      throw new UsageException(
          "--combine-masks: expected intersection or union, found '%s'".formatted(combination));
    }
  }

  public void addTo(ResultFiles results) {
    files.forEach(file -> results.read("--masks", file));
    results.add(SAVE, saved, MaskFile::isOne);
  }

  /** Returns the file to save this run's masks to, or null. */
  public Path saved() {
    return saved;
  }

  public Map<String, List<Path>> files() {
    return files.isEmpty() ? Map.of() : Map.of("masks", files);
  }

  /** Opens the masks, null if there are none; closing them is up to the caller. */
  public PruneRequest.MasksIn open(ModelDirectory model) {
    return MaskInputs.open(files, UNION.equals(combination), model).orElse(null);
  }
}
