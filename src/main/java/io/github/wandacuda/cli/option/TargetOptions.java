package io.github.wandacuda.cli.option;

import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.PruneRequest;
import java.io.Console;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiConsumer;
import picocli.CommandLine.Option;

/** Where a pruned model is written: into a directory, in place, or as one of several parts. */
public final class TargetOptions {
  private static final String PART = "--part";

  @Option(
      names = "--output",
      paramLabel = "DIR",
      description =
          "The directory to write the pruned model to, or of a model in GGUF the file; it must not"
              + " exist yet, or be empty.")
  private Path output;

  @Option(
      names = "--resume",
      description =
          "Resume an interrupted run and keep what it has finished. The options must be the same. A"
              + " finished output is left unchanged.")
  private boolean resume;

  @Option(
      names = "--in-place",
      description =
          "Prune the model's own shards, without a second copy; with --statistics or --method"
              + " magnitude. If it is interrupted, run the same again.")
  private boolean inPlace;

  @Option(names = "--yes", description = "Don't ask before pruning in place.")
  private boolean yes;

  @Option(names = "--no-verify", description = "Leave out the check of the written output.")
  private boolean skipVerification;

  @Option(
      names = "--packed",
      description =
          "Pack the pruned model in the end, as the command pack does. Until then the output takes"
              + " as much room as without.")
  private boolean packed;

  @Option(
      names = "--no-card",
      description =
          "Keep the source's README.md. Without it the output's is a model card that says what was"
              + " done, and the source's is README.source.md.")
  private boolean skipCard;

  @Option(
      names = "--io",
      paramLabel = "auto|direct|buffered",
      description =
          "How shards are written and read back: past the page cache (direct), through it"
              + " (buffered), or past it where they are too large for it (auto). Default: auto.")
  private IoMode io = IoMode.AUTO;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "SECONDS",
      description =
          "How often a calibrated run saves the samples' hidden states, from which --resume goes"
              + " on; 0: after every block. Default: 300.")
  private int checkpointEvery = 300;

  @Option(
      names = PART,
      paramLabel = "I/N",
      description =
          "Do part I of N, from 1/N to N/N: its share of the shards. Parts run in any order, at"
              + " once or not, on any machines that share the output; the last completes it. One"
              + " that failed is run again. With --statistics or --method magnitude.")
  private String part;

  /** Checks that the options don't contradict each other, or norms that come from samples. */
  public void check(boolean calibrated, OutputOptions options) {
    if (!inPlace && output == null) {
      throw new UsageException(
          ErrorDetails.NOWHERE.said("prune needs --output DIR").hint("or --in-place"));
    }
    if (checkpointEvery < 0) {
      throw new UsageException(
          "--checkpoint-every: expected 0 seconds or more, found %d".formatted(checkpointEvery));
    }
    if (!inPlace && yes) {
      throw new UsageException("--yes answers what only --in-place asks");
    }
    options.exclude("--in-place", "--output", "--packed");
    if (inPlace && resume) {
      throw new UsageException(
          "--in-place and --resume exclude each other: run the same again to end what was begun");
    }
    if (inPlace && calibrated) {
      throw new UsageException(
          "--in-place needs --statistics or --method magnitude: a calibrated run that was"
              + " interrupted could not be run again on a model that is pruned in part");
    }
  }

  /** Returns the directory to write to, or null if the model is pruned in place. */
  public Path output() {
    return output;
  }

  public boolean resume() {
    return resume;
  }

  public boolean inPlace() {
    return inPlace;
  }

  public boolean verify() {
    return !skipVerification;
  }

  public boolean packed() {
    return packed;
  }

  /**
   * Returns whether the output gets a model card; a model that is pruned in place keeps its own.
   */
  public boolean card() {
    return !skipCard && !inPlace;
  }

  public PruneRequest.Storage storage() {
    return new PruneRequest.Storage(io, Duration.ofSeconds(checkpointEvery));
  }

  /** Asks the user whether the model may be changed, unless {@code --yes} was given. */
  public void confirm(PruneRequest request, int modules) {
    if (yes) {
      return;
    }
    Console console =
        Optional.ofNullable(System.console())
            .filter(Console::isTerminal)
            .orElseThrow(
                () ->
                    new UsageException(
                        "--in-place changes the model in "
                            + request.output()
                            + " and there is no terminal to ask on; say --yes if that is meant"));
    String answer =
        console.readLine(
            "Prune %d modules of %s in place? Their weights are not kept anywhere. [y/N] ",
            modules, Printable.of(request.output()));
    if (answer == null || !answer.strip().toLowerCase(Locale.ROOT).startsWith("y")) {
      throw new UsageException(request.output() + " is left as it is");
    }
  }

  /** Checks the part of a run, before the work that is done before {@link #runPart}. */
  public void checkPart(boolean sampled, boolean masks, OutputOptions options) {
    if (part().isPresent()) {
      Part.check(inPlace, sampled, masks, packed);
      options.exclude(PART, ClusterOption.NAME, MaskOptions.SAVE, "--evaluate");
      options.warnIfGiven("a part writes through the page cache", "--io");
      options.warnIfGiven("a part always goes on with what it has done before", "--resume");
    }
  }

  public Optional<Part> part() {
    return Optional.ofNullable(part).map(Part::parse);
  }

  /** Has a part's shards written by this process. */
  public void runPart(BackendOptions backends, BiConsumer<Part, OnCluster> work) {
    try (OnCluster process = OnCluster.here(backends.devices())) {
      work.accept(part().orElseThrow(), process);
    }
  }
}
