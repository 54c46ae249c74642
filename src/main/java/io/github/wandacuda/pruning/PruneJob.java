package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.parallel.Workers;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Prunes a model directory into another one. The output's {@code config.json}, index and {@code
 * wanda-cuda.json} are written last, after the rest was checked, so that a directory that has them
 * is complete.
 */
public final class PruneJob {
  private static final Logger LOG = LoggerFactory.getLogger(PruneJob.class);
  private static final String SPILL = ".wanda-cuda.masks.tmp";

  private final ModelDirectory model;
  private final PruneRequest request;
  private final List<LinearModule> chosen;
  private final PruningRules rules;
  private final SideFiles sideFiles;

  /**
   * Checks all that can be checked before something is written.
   *
   * @throws io.github.wandacuda.error.UsageException if the output isn't empty or a pattern matches
   *     nothing
   * @throws io.github.wandacuda.error.InputException if a module can't be pruned as asked or has no
   *     norms
   */
  public PruneJob(ModelDirectory model, PruneRequest request) {
    this.model = model;
    this.request = request;
    rules = request.rules();
    chosen = check(model, request.output(), request.choice(), rules);
    if (request.calibration() instanceof Calibration.FromStatistics statistics) {
      new NormLookup(statistics).check(chosen, request.unreached());
    }
    sideFiles = SideFiles.of(model.checkpoint(), request.output());
  }

  /**
   * Checks what can be checked before norms are at hand, which may take long to come.
   *
   * @return the modules that would be pruned
   * @throws io.github.wandacuda.error.UsageException as the constructor does
   * @throws io.github.wandacuda.error.InputException as the constructor does
   */
  public static List<LinearModule> check(
      ModelDirectory model, Path output, ModuleChoice choice, PruningRules rules) {
    OutputDirectory.check(output, model.path());
    List<LinearModule> chosen = model.choose(choice);
    chosen.forEach(rules::check);
    return chosen;
  }

  /** Returns the modules that will be pruned, in code-point order of their names. */
  public List<LinearModule> chosen() {
    return chosen;
  }

  /**
   * Prunes, checks, and declares the output finished.
   *
   * @param backend does the work; stays the caller's to close
   * @param version of this program, for {@code wanda-cuda.json}
   * @throws io.github.wandacuda.error.InputException if a weight, norm or activation is not finite,
   *     or a file is broken
   * @throws io.github.wandacuda.error.OutputException if the output can't be written
   * @throws VerificationException if what was written is not what it should be
   */
  public PruneResult run(Backend backend, String version, Progress progress) {
    sideFiles
        .leftOut()
        .forEach(file -> LOG.warn("{} is left out: the output has no use for it", file));
    try (Workers workers = new Workers(backend.concurrency());
        OutputDirectory output = OutputDirectory.create(request.output(), model.path())) {
      PhaseClock clock = new PhaseClock(workers.count());
      PruneResult result = writeShards(backend, workers, output, clock, progress);
      sideFiles.files().forEach(file -> output.copy(sideFiles, file));
      if (request.verify()) {
        verify(workers, output, result, clock);
      }
      sideFiles.lastFiles().forEach(file -> output.copy(sideFiles, file));
      output.write(Provenance.of(request, result, version).json(), Provenance.FILE_NAME);
      output.finished();
      return new PruneResult(result.modules(), result.maskSha256(), clock.seconds());
    }
  }

  private PruneResult writeShards(
      Backend backend,
      Workers workers,
      OutputDirectory output,
      PhaseClock clock,
      Progress progress) {
    Path spill = output.file(SPILL);
    try (OutputShards shards = new OutputShards(model.checkpoint(), output);
        MaskDigest masks = new MaskDigest(chosen.size(), spill)) {
      Set<TensorInfo> pruned =
          chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
      shards.copyUntouched(pruned, workers, clock);
      List<ModuleResult> results;
      try (ModulePruner pruner =
          new ModulePruner(backend, workers, rules, chosen, shards, masks, clock)) {
        results = prune(backend, pruner, clock, progress);
      }
      shards.finish();
      return new PruneResult(results, masks.hex(), clock.seconds());
    }
  }

  private List<ModuleResult> prune(
      Backend backend, ModulePruner pruner, PhaseClock clock, Progress progress) {
    if (request.calibration() instanceof Calibration.FromSamples samples) {
      return new CalibratedPass(model, backend, samples, clock, progress)
          .run(chosen, pruner).stream()
              .sorted(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER))
              .toList();
    }
    NormLookup norms =
        request.calibration() instanceof Calibration.FromStatistics statistics
            ? new NormLookup(statistics)
            : null;
    List<ModuleRequest> requests =
        chosen.stream()
            .map(module -> new ModuleRequest(module, norms == null ? null : norms.of(module), null))
            .toList();
    return pruner.prune(requests, progress);
  }

  private void verify(
      Workers workers, OutputDirectory output, PruneResult result, PhaseClock clock) {
    long start = System.nanoTime();
    Failures failures = new Failures();
    String sha256 =
        new ShardVerifier(workers, rules.keeping(result.kept(rules)), chosen, failures)
            .verify(model.checkpoint().shards(), output.path());
    if (failures.isEmpty() && !sha256.equals(result.maskSha256())) {
      failures.add(
          "the masks' SHA-256: expected %s, found %s".formatted(result.maskSha256(), sha256));
    }
    clock.addVerify(System.nanoTime() - start);
    if (!failures.isEmpty()) {
      throw new VerificationException(
          "%s: the written output is wrong: %s".formatted(output.path(), failures.first()));
    }
  }
}
