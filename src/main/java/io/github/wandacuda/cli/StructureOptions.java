package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.StructureRequest.Structure;
import io.github.wandacuda.model.BlockRemoval;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import java.util.Iterator;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Options for the removal of whole parts of a model. */
final class StructureOptions {
  static final String STRUCTURE = "--structure";

  private static final Pattern SIZE = Pattern.compile("(\\d{1,12})(|KB|MB|GB)");

  @Option(
      names = STRUCTURE,
      paramLabel = "NAME",
      description =
          "experts, blocks: remove whole experts of each mixture, or whole blocks, so that an"
              + " ordinary smaller model is left; --sparsity R is their share. The kept weights are"
              + " not fitted.")
  private Structure structure;

  @Option(
      names = "--remove",
      paramLabel = "N",
      description =
          "With --structure: how many blocks, or experts of each layer, go, instead of --sparsity.")
  private Integer remove;

  @Option(
      names = "--score",
      paramLabel = "NAME",
      description =
          "What they go by, the lowest first: experts by reap, frequency, ean, weighted or drop"
              + " (default: reap); blocks by loss, influence or angular (default: loss).",
      completionCandidates = ScoreNames.class)
  private String score;

  @Option(
      names = "--shard-size",
      paramLabel = "BYTES",
      description =
          "Size of the shards that --structure writes, such as 5GB (default: the source's"
              + " largest).")
  private String shardSize;

  /** The names of all scores. */
  private static final class ScoreNames implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Stream.of(Structure.values())
          .flatMap(structure -> structure.scores().stream())
          .iterator();
    }
  }

  public boolean given() {
    return structure != null;
  }

  public Structure structure() {
    return structure;
  }

  /** Checks what can be checked without a model. */
  public void check(OutputOptions output) {
    if (!given()) {
      for (String option : new String[] {"--remove", "--score", "--shard-size"}) {
        if (output.given(option)) {
          throw new UsageException("%s goes with %s".formatted(option, STRUCTURE));
        }
      }
      return;
    }
    output.exclude("--remove", "--sparsity");
    output.exclude(
        STRUCTURE,
        ("--method --scope --pattern --refine --refine-swaps --update --recipe --allocation"
                + " --requantize --unreached --include --exclude --masks --combine-masks"
                + " --save-masks --in-place --packed --part --cluster --report")
            .split(" "));
    if (!structure.scores().contains(score())) {
      throw ErrorDetails.of("--score")
          .refused(
              "one of %s for %s".formatted(structure.scores(), structure.label()),
              "'%s'".formatted(score));
    }
    if (structure == Structure.BLOCKS) {
      if (!output.given("--calibration")) {
        throw new UsageException("--structure blocks needs --calibration FILE");
      }
      if (output.given(PruneCommand.SAVED_STATISTICS)) {
        throw new UsageException("--save-statistics: blocks go by no statistics");
      }
    }
  }

  public String score() {
    return score == null ? structure.scores().getFirst() : score.toLowerCase(Locale.ROOT);
  }

  /**
   * Returns how many parts go.
   *
   * @param sparsity their share, unless the number is given
   */
  public int count(Removal removal, Sparsity.Ratio sparsity) {
    int count = remove == null ? removal.share(sparsity.fraction()) : remove;
    removal.requireRemovable(count);
    if (removal instanceof BlockRemoval blocks && score().equals(structure.scores().getFirst())) {
      blocks.requireInnerRemovable(count);
    }
    return count;
  }

  /** Returns the bytes of a shard at most. */
  public long shardBytes(ModelDirectory model) {
    if (shardSize == null) {
      return model.checkpoint().shards().stream()
          .mapToLong(SafetensorsFile::byteSize)
          .max()
          .orElseThrow();
    }
    Matcher size = SIZE.matcher(shardSize);
    long number = size.matches() ? Long.parseLong(size.group(1)) : 0;
    if (number == 0) {
      throw ErrorDetails.of("--shard-size")
          .refused("a number with KB, MB, GB or nothing", "'%s'".formatted(shardSize));
    }
    return switch (size.group(2)) {
      case "KB" -> number * 1000;
      case "MB" -> number * 1_000_000;
      case "GB" -> number * 1_000_000_000;
      default -> number;
    };
  }
}
