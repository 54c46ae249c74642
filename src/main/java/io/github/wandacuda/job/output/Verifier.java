package io.github.wandacuda.job.output;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.UnfinishedRun;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.system.RealCause;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Proves that a pruned directory is its dense source with weights zeroed and nothing else changed.
 */
public final class Verifier {
  private Verifier() {}

  /**
   * What the user says of the pruned model. A null is replaced by what its {@code wanda-cuda.json}
   * says.
   *
   * @param method how weights were scored, or null
   * @param sparsity how much was pruned, or null
   * @param choice the pruned modules, or null
   */
  public record Claim(Method method, Sparsity sparsity, ModuleChoice choice) {
    /** A claim without content. */
    public static final Claim NONE = new Claim(null, null, null);

    /**
     * Returns the rules that a pruned model is checked by.
     *
     * @param recorded what its {@code wanda-cuda.json} says, if there is one; there has to be if
     *     the claim has no sparsity
     */
    public PruningRules rules(Optional<Provenance> recorded) {
      if (sparsity == null && method == null) {
        return recorded.orElseThrow().rules();
      }
      // The modules that a run has kept count for its own record, not for a user's claim.
      ModuleRules common =
          recorded
              .map(record -> record.rules().common())
              .orElse(ModuleRules.of(Method.WANDA, new Sparsity.Ratio(0)));
      Sparsity amount = sparsity != null ? sparsity : common.sparsity();
      ModuleRules claimed = method != null ? ModuleRules.of(method, amount) : common.with(amount);
      return new PruningRules(claimed, Unreached.MAGNITUDE);
    }
  }

  /** Checks a pruned directory in this process. */
  public static Verification verify(ModelDirectory dense, Path pruned, Claim claim, int threads) {
    return verify(dense, pruned, claim, new ShardsHere(threads, Progress.NONE));
  }

  /**
   * Checks a pruned directory.
   *
   * @param dense its source
   * @param pruned the directory, which may be packed
   * @param shards checks its shards
   * @return the failures, and the files that were added beside the model
   * @throws InputException if the source is broken or the pruned directory isn't there
   */
  public static Verification verify(
      ModelDirectory dense, Path pruned, Claim claim, ShardsCheck shards) {
    if (!Files.isDirectory(pruned)) {
      throw new InputException(
          ErrorDetails.file(pruned).expected("a pruned model's directory", "none"));
    }
    Failures failures = new Failures();
    if (UnfinishedRun.isIn(pruned)) {
      // All other failures would follow from this one.
      failures.add(UnfinishedRun.describe(pruned).line());
      return Verification.of(failures);
    }
    Optional<RecordCheck> recorded =
        provenance(pruned, failures)
            .map(record -> new RecordCheck(pruned.resolve(Provenance.FILE_NAME), record, failures));
    if (claim.sparsity() == null && recorded.isEmpty()) {
      failures.add(
          "%s: has no usable %s, and neither `sparsity` nor `pattern` says what to expect"
              .formatted(Printable.of(pruned), Provenance.FILE_NAME));
      return Verification.of(failures);
    }
    List<String> unchecked = recorded.map(record -> record.compareCause(dense)).orElse(List.of());
    List<LinearModule> chosen =
        claim.choice() == null && recorded.isPresent()
            ? recorded.get().modules(dense)
            : dense.choose(claim.choice() == null ? ModuleChoice.DEFAULT : claim.choice());
    PruningRules rules = claim.rules(recorded.map(RecordCheck::record));
    rules.check(chosen);
    PrunedFiles files = PrunedFiles.of(pruned, failures);
    List<Path> added = files.compare(dense, failures);
    Optional<ShardVerifier.Found> found =
        shards.check(
            new ShardsCheck.Pruned(
                dense, pruned, files.packed(), claim, recorded.isPresent(), rules, chosen),
            failures);
    if (claim.equals(Claim.NONE) && recorded.isPresent()) {
      found.ifPresent(all -> recorded.get().compare(chosen, all));
    }
    return new Verification(
        failures.others(), failures.tensors(), added, unchecked, rules.update());
  }

  private static Optional<Provenance> provenance(Path pruned, Failures failures) {
    try {
      return Provenance.read(pruned);
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      failures.add(e.getMessage());
      return Optional.empty();
    }
  }
}
