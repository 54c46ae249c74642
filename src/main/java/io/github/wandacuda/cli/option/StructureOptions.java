package io.github.wandacuda.cli.option;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.job.structure.StructureRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Which whole parts of a model go, how they are scored, and how the rest is fitted. */
public final class StructureOptions {
  public static final String STRUCTURE = "--structure";

  /** The options that say nothing of whole parts. */
  public static final List<String> EXCLUDED =
      Stream.concat(
              EnumSet.complementOf(EnumSet.of(MethodKey.SPARSITY, MethodKey.UPDATE)).stream()
                  .map(KeyOptions::option),
              Stream.of(
                  ("--recipe --allocation --unreached --include --exclude --masks --combine-masks"
                          + " --save-masks --in-place --packed")
                      .split(" ")))
          .toList();

  private static final String MULTIPLE = "--multiple";
  private static final String SHARD_SIZE = "--shard-size";

  private static final Pattern SIZE = Pattern.compile("(\\d{1,12})(|KB|MB|GB)");

  @Option(
      names = STRUCTURE,
      paramLabel = "NAME",
      description =
          "Remove whole parts, so that an ordinary smaller model is left; --sparsity R is their"
              + " share: experts of each mixture, blocks, channels of each MLP, or heads of each"
              + " block, in groups that share a key and a value. --update fits what is left.")
  private Structure structure;

  @Option(
      names = "--remove",
      paramLabel = "N",
      description =
          "With --structure: how many blocks, or parts of each block, go, instead of --sparsity.")
  private Integer remove;

  @Option(
      names = MULTIPLE,
      paramLabel = "N",
      description =
          "Keep a multiple of N channels (default: 256 in MLPs of 2,048 and wider; else 32 if their"
              + " width is one, or with auto 1); --remove is exact.")
  private Integer multiple;

  @Option(
      names = "--score",
      paramLabel = "NAME",
      description =
          "What goes first, the lowest: experts by reap, frequency, ean, weighted, mean-square or"
              + " drop (default: reap); blocks by loss, influence or angular (default: loss);"
              + " channels and heads by greedy, wanda, flap or magnitude (default: greedy).")
  private String score;

  @Option(
      names = SHARD_SIZE,
      paramLabel = "BYTES",
      description =
          "Size of the shards that --structure writes, such as 5GB (default: the source's"
              + " largest).")
  private String shardSize;

  public boolean given() {
    return structure != null;
  }

  /** Checks what can be checked without a model. */
  public void check(OutputOptions output) {
    if (!given()) {
      for (String option : new String[] {"--remove", MULTIPLE, "--score", SHARD_SIZE}) {
        boolean may = option.equals(SHARD_SIZE) && output.given(MethodOptions.RECIPE);
        if (output.given(option) && !may) {
          throw new UsageException("%s goes with %s".formatted(option, STRUCTURE));
        }
      }
      return;
    }
    output.exclude("--remove", "--sparsity", MULTIPLE);
    Optional.ofNullable(multiple).ifPresent(structure::requireMultiple);
    output.exclude(STRUCTURE, EXCLUDED.toArray(String[]::new));
    if (structure == Structure.AUTO) {
      output.exclude(STRUCTURE, "--remove", "--score");
    }
    if (score != null) {
      structure.requireScore(score());
    }
    requireSamples(structure, output);
  }

  private static void requireSamples(Structure structure, OutputOptions output) {
    RemovalRequest.requireSamples(structure, output.given("--calibration"));
    if (structure != Structure.EXPERTS) {
      if (output.given("--save-statistics")) {
        throw new UsageException(
            "--save-statistics: %s go by no statistics".formatted(structure.label()));
      }
    }
  }

  /** Checks what stands beside a recipe, which may remove parts. */
  public static void checkRecipe(PruningPlan plan, OutputOptions output) {
    if (plan.removal().isEmpty()) {
      output.warnIfGiven("no parts are removed", SHARD_SIZE);
      return;
    }
    boolean alone = plan.rules().stages().isEmpty();
    List<String> before = List.of("--in-place", "--part", "--cluster", "--statistics");
    for (String option : alone ? EXCLUDED : before) {
      if (output.given(option) && !option.equals(MethodOptions.RECIPE)) {
        throw ErrorDetails.of(option).refused("a recipe that removes no parts", "one that does");
      }
    }
    if (alone) {
      requireSamples(plan.removal().get().parts().structure(), output);
    }
  }

  private String score() {
    return score == null ? structure.usualScore() : score.toLowerCase(Locale.ROOT);
  }

  /** Returns what is asked for; the share is that of the parts unless their number is given. */
  public RemovalRequest request(Sparsity.Ratio share, Optional<Update> update, boolean requantize) {
    int kept = multiple == null ? 0 : multiple;
    return new RemovalRequest(
        new Structure.Parts(structure, score(), share, remove, kept, update), requantize);
  }

  public long shardBytes(ModelDirectory model) {
    if (shardSize == null) {
      return StructureRequest.largestShard(model);
    }
    Matcher size = SIZE.matcher(shardSize);
    long number = size.matches() ? Long.parseLong(size.group(1)) : 0;
    if (number == 0) {
      throw ErrorDetails.of(SHARD_SIZE)
          .refused("a number with KB, MB, GB or nothing", "'%s'".formatted(shardSize));
    }
    return switch (size.group(2)) {
      case "KB" -> (long) (number * 1e3);
      case "MB" -> (long) (number * 1e6);
      case "GB" -> (long) (number * 1e9);
      default -> number;
    };
  }
}
