package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.gguf.GgufWeight;
import io.github.wandacuda.checkpoint.gguf.GgufZeros;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.GgufWeights;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.SpaceCheck;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A new file in GGUF: the source's, with zeros in the codes of the modules that are pruned. It has
 * another name until it is complete, and a journal and the record of its run beside it, see {@link
 * GgufPlace}.
 *
 * @param scope of the run
 * @param weights where the source has the chosen modules, in their order
 */
record GgufTarget(RunScope scope, List<GgufWeight> weights) implements PruneTarget {
  /**
   * Checks that a run can write zeros in codes, and do nothing else.
   *
   * @throws UsageException if it would write other weights or pack them, or a module's codes have
   *     no 0
   */
  static GgufTarget of(RunScope scope) {
    if (scope.request().packed()) {
      scope.model().requireDirectory("packing the output");
    }
    check(scope.model(), scope.chosen(), scope.rules());
    return new GgufTarget(scope, GgufWeights.of(scope.model(), scope.chosen()));
  }

  /**
   * Checks what can be before norms are known.
   *
   * @param chosen the modules that will be pruned
   * @throws UsageException likewise
   */
  static void check(ModelDirectory model, List<LinearModule> chosen, PruningRules rules) {
    if (rules.update()) {
      throw ErrorDetails.file(model.path())
          .refused(
              "a method that keeps all other weights, for a GGUF file, whose codes stay",
              rules.label());
    }
    List<GgufWeight> unused = GgufWeights.of(model, chosen);
  }

  GgufPlace place() {
    return new GgufPlace(path());
  }

  /** Lays out the file of a run. */
  GgufZeros layout(PruningRecord plan) {
    return new GgufZeros(scope.model().checkpoint(), weights, plan.description());
  }

  @Override
  public boolean isFinished() {
    return place().isFinished();
  }

  @Override
  public RunNeeds needs(Backend backend) {
    SideFiles none = new SideFiles(scope.model().path(), List.of(), List.of(), List.of(), false);
    return RunNeeds.of(scope, none, backend).toFile(scope.model().storedBytes());
  }

  @Override
  public long diskBytes(RunNeeds needs) {
    return needs.writeBytes() + needs.maskBytes() - SpaceCheck.size(place().partial());
  }

  @Override
  public RunResult run(Tools tools) {
    GgufPlace place = place();
    Fingerprint cause = Fingerprint.of(tools.plan());
    if (place.isFinished()) {
      return finished(cause, tools);
    }
    OutputException.writing(
        place.file(), () -> Folders.create(place.file().toAbsolutePath().getParent()));
    try (Journal journal = Journal.openBeside(place.file())) {
      Optional<RunRecords> earlier = RunRecords.read(journal.records());
      Fingerprint run = cause.with(SourceDigest.byFile(scope.model())).with(arithmetic(tools));
      earlier.ifPresent(there -> run.requireSame(place.file(), there.run()));
      requireSameRecord(cause);
      try {
        if (earlier.isEmpty()) {
          journal.restart(RunRecords.run(run));
        }
        RunResult result = new GgufPass(this, tools, journal, earlier).run();
        finish(result.provenance(), result, tools);
        journal.remove();
        return result;
      } catch (RuntimeException | Error e) {
        OutputDirectory.settle(place.file(), e, () -> discard(journal));
        throw e;
      }
    }
  }

  /** Returns the result of a run that has finished before, if it was the same. */
  private RunResult finished(Fingerprint cause, Tools tools) {
    requireSameRecord(cause);
    OutputDirectory.removeFile(place().journal());
    return new RunResult(
        place().found().orElseThrow().ofPruning(), List.of(), tools.clock().seconds(), null);
  }

  private void requireSameRecord(Fingerprint cause) {
    place().found().ifPresent(there -> cause.requireSame(path(), Fingerprint.of(there)));
  }

  /** Returns what a calibrated run's masks depend on beside its input. */
  private Map<String, String> arithmetic(Tools tools) {
    return scope.isCalibrated()
        ? Map.of(DirectoryTarget.ARITHMETIC, tools.backend().arithmetic())
        : Map.of();
  }

  private void finish(PruningRecord record, RunResult result, Tools tools) {
    tools.beforeEnd().accept(result);
    GgufPlace place = place();
    AtomicWrite.replace(
        place.record(), out -> out.write(record.json()), FileModes.like(scope.model().path()));
    OutputException.writing(
        place.file(), () -> AtomicWrite.moveOver(place.partial(), place.file()));
  }

  private void discard(Journal journal) {
    List.of(place().partial(), place().record(), journal.file()).forEach(OutputDirectory::delete);
  }
}
