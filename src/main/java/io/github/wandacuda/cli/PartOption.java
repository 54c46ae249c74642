package io.github.wandacuda.cli;

import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.job.OnCluster;
import io.github.wandacuda.job.Part;
import io.github.wandacuda.job.PruneJob;
import java.util.Optional;
import java.util.function.Consumer;
import picocli.CommandLine.Option;

/** The option for a part of a run. */
final class PartOption {
  private static final String NAME = "--part";

  @Option(
      names = NAME,
      paramLabel = "I/N",
      description =
          "Do part I of N, from 1/N to N/N: its share of the shards. Parts run in any order, at once"
              + " or not, on any machines that share the output; the last completes it. One that"
              + " failed is run again. With --statistics or --method magnitude.")
  private String text;

  /**
   * Checks the option, before the work that is done before {@link #run}.
   *
   * @param target where the model is written
   * @param sampled whether norms come from samples
   * @param masks whether masks come from files
   * @throws io.github.wandacuda.error.UsageException if it is malformed, or the run can't be had in
   *     parts
   */
  public void check(TargetOptions target, boolean sampled, boolean masks, OutputOptions output) {
    if (!given()) {
      return;
    }
    Part unused = part().orElseThrow();
    Part.check(target.inPlace(), sampled, masks, target.packed());
    output.exclude(NAME, "--cluster", MaskOptions.SAVE, "--evaluate");
    output.warnIfGiven("a part writes through the page cache", "--io");
    output.warnIfGiven("a part always goes on with what it has done before", "--resume");
  }

  /** Returns whether it is given. */
  public boolean given() {
    return text != null;
  }

  /** Returns the part, if one is given. */
  public Optional<Part> part() {
    return Optional.ofNullable(text).map(Part::parse);
  }

  /** Does the part of a job that was given. */
  public void run(PruneJob job, BackendOptions backends, Consumer<PruneJob> work) {
    try (var process = Clusters.named(Clusters.LOCAL).open(0)) {
      work.accept(job.part(part().orElseThrow(), new OnCluster(process, backends.devices())));
    }
  }
}
