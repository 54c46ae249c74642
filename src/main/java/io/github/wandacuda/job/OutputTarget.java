package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.model.ModelConfig;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A new directory, or that of an interrupted run. Its {@code config.json}, index and {@code
 * wanda-cuda.json} are written last, after the rest was checked, so a directory that has them is
 * complete.
 *
 * <p>A run that is interrupted, or that lacks space, rights, memory or a device, keeps what it has
 * finished, so that it can be resumed. A run that finds its input broken or its output wrong
 * deletes everything.
 */
final class OutputTarget implements PruneTarget {
  /** The part of a calibrated run's fingerprint that says what its last bits depend on. */
  static final String ARITHMETIC = "backend";

  private final RunScope scope;
  private final SideFiles sideFiles;
  private final Optional<OnCluster> cluster;

  /**
   * Makes the target of a run.
   *
   * @param cluster writes the shards, if there is one
   */
  OutputTarget(RunScope scope, Optional<OnCluster> cluster) {
    this.scope = scope;
    this.cluster = cluster;
    sideFiles = SideFiles.of(scope.model().checkpoint(), path());
  }

  @Override
  public Path path() {
    return scope.request().output();
  }

  @Override
  public boolean isFinished() {
    return OutputPlace.isFinished(path());
  }

  @Override
  public RunNeeds needs(Backend backend) {
    return RunNeeds.of(scope.model(), scope.request(), scope.chosen(), sideFiles, backend);
  }

  @Override
  public long diskBytes(RunNeeds needs) {
    return needs.writeBytes()
        + needs.packingBytes()
        + needs.maskBytes()
        + sharedBytes(needs)
        - SpaceCheck.taken(path());
  }

  /** The machines of a cluster leave each other a block's inputs, and modules with their masks. */
  private long sharedBytes(RunNeeds needs) {
    if (cluster.isEmpty()
        || !scope.rules().needMoments()
        || !(scope.request().calibration() instanceof Calibration.FromSamples samples)) {
      return 0;
    }
    long tokens = (long) samples.samples().size() * samples.sequenceLength();
    return scope.chosen().stream().mapToLong(module -> module.tensor().bytes()).sum()
        + needs.maskBytes()
        + RunNeeds.inputBytes(scope.chosen(), tokens);
  }

  /** On a cluster other machines have the weights and the hidden states. */
  @Override
  public long memoryBytes(RunNeeds needs) {
    return cluster.isPresent() ? 0 : needs.memoryBytes() + needs.savingBytes();
  }

  @Override
  public Run open(PruneTarget.Tools tools, Provenance plan) {
    Fingerprint cause = Fingerprint.of(plan).with(form(scope.request().packed()));
    OutputDirectory output =
        OutputDirectory.open(path(), scope.model().path(), scope.request().resume(), ownFiles());
    try {
      if (output.finished().isPresent()) {
        boolean packed = ModelConfig.read(path()).packed();
        cause.requireSame(path(), Fingerprint.of(output.finished().get()).with(form(packed)));
        return new OutputRun(scope, sideFiles, output, tools, plan, cause, cluster);
      }
      Fingerprint fingerprint =
          cause.with(SourceDigest.byFile(scope.model())).with(arithmetic(tools.backend()));
      output.interrupted().ifPresent(earlier -> fingerprint.requireSame(path(), earlier.run()));
      return new OutputRun(scope, sideFiles, output, tools, plan, fingerprint, cluster);
    } catch (RuntimeException | Error e) {
      output.close();
      throw e;
    }
  }

  /** Returns what the form of the output adds to the fingerprint of its content. */
  private static Map<String, String> form(boolean packed) {
    return packed ? Map.of("packed", "true") : Map.of();
  }

  /** Returns the files that the run makes, relative to the output. */
  Set<Path> ownFiles() {
    return sideFiles.withShards(scope.model().checkpoint());
  }

  /** Returns what a calibrated run's bytes depend on in addition to the input. */
  private Map<String, String> arithmetic(Backend backend) {
    if (!scope.isCalibrated()) {
      return Map.of();
    }
    return Map.of(ARITHMETIC, cluster.map(OnCluster::arithmetic).orElseGet(backend::arithmetic));
  }
}
