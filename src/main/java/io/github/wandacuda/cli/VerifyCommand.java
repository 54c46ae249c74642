package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.ClusterCheck;
import io.github.wandacuda.job.Provenance;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.job.UnfinishedRun;
import io.github.wandacuda.job.Verification;
import io.github.wandacuda.job.Verifier;
import io.github.wandacuda.job.ZerosVerifier;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Proves that a pruned directory is its dense source with weights zeroed and nothing else changed.
 */
@Command(
    name = "verify",
    description =
        "Proves that a pruned directory is its dense source with weights zeroed and nothing else"
            + " changed. What the options don't say is taken from its wanda-cuda.json. With"
            + " --zeros-of, proves that another model has all zeros of a pruned one.",
    footerHeading = "%n",
    footer = {"  wanda-cuda verify --dense org/model --pruned pruned"},
    mixinStandardHelpOptions = true)
final class VerifyCommand implements Runnable {
  @Option(
      names = "--dense",
      paramLabel = "DIR",
      description =
          "The model before pruning: a directory, or the id of a model that the local Hugging Face"
              + " cache holds.")
  private String givenDense;

  @Option(names = "--pruned", paramLabel = "DIR", description = "The model after pruning.")
  private String givenPruned;

  @Option(
      names = "--strict",
      description =
          "Also fail on files that somebody put beside the model and that no loader reads, such as"
              + " a README.md.")
  private boolean strict;

  @Mixin private ZerosOptions zeros;

  @Mixin
  private KeyOptions keys = new KeyOptions(MethodKey.METHOD, MethodKey.SPARSITY, MethodKey.PATTERN);

  @Mixin private ModuleOptions modules;
  @Mixin private ClusterOption cluster;
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    if (zeros.check(output)) {
      ZerosCheck.run(zeros, output);
    } else {
      verifyPruned();
    }
  }

  private void verifyPruned() {
    if (givenDense == null || givenPruned == null) {
      throw new UsageException(
          ErrorDetails.saying("verify needs --dense DIR and --pruned DIR")
              .hint("or --zeros-of DIR and --model DIR"));
    }
    Verifier.Claim claim =
        new Verifier.Claim(
            keys.method().orElse(null),
            keys.sparsity().orElse(null),
            modules.given() ? modules.choice() : null);
    if (keys.sparsity().orElse(null) instanceof Sparsity.GroupPattern) {
      output.warnIfGiven("a pattern asks the same of every method", "--method");
    }
    HubCache cache = HubCache.of(System.getenv());
    Path dense = cache.directory(givenDense);
    Path pruned = cache.directory(givenPruned);
    cluster.check();
    UnfinishedRun.requireNone(dense);
    try (ModelDirectory directory = ModelDirectory.open(dense)) {
      ModelSummary.say(directory, output);
      Verification found = verify(directory, pruned, claim);
      boolean holds = found.holds() && !(strict && !found.added().isEmpty());
      output.result(object(found, holds), () -> text(dense, pruned, found, holds));
      if (!holds) {
        throw new VerificationException(
            ErrorDetails.file(pruned)
                .expected("%s pruned".formatted(dense), first(found))
                .said("not %s pruned: %s".formatted(dense, first(found))));
      }
    }
  }

  private Verification verify(ModelDirectory dense, Path pruned, Verifier.Claim claim) {
    if (cluster.given()) {
      return cluster.run(
          output,
          RunNeeds.processBytes(dense),
          on -> Verifier.verify(dense, pruned, claim, new ClusterCheck(on, output.progress())));
    }
    int threads = Runtime.getRuntime().availableProcessors();
    return Verifier.verify(dense, pruned, claim, threads, output.progress());
  }

  private static Map<String, Object> object(Verification found, boolean holds) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("verified", holds);
    object.put("mode", found.updated() ? Provenance.UPDATE : Provenance.MASK);
    VerificationText.addFailures(object, found);
    object.put("added", found.added().stream().map(Path::toString).toList());
    object.put("unchecked", found.unchecked());
    return object;
  }

  private static String first(Verification found) {
    return found.holds()
        ? "%s was added, and --strict allows nothing".formatted(found.added().get(0))
        : OptionNames.in(found.failures().get(0));
  }

  private static String changes(Verification found) {
    return found.updated()
        ? "weights zeroed, and kept weights of the same modules fitted, which can't be proven"
        : "weights zeroed and nothing else changed";
  }

  private Stream<String> text(Path dense, Path pruned, Verification found, boolean holds) {
    Stream<String> result =
        holds
            ? MultilineText.of("verified: %s is %s with %s", pruned, dense, changes(found))
            : VerificationText.failures(found);
    return Stream.concat(result, VerificationText.notes(found));
  }

  /** What {@code verify --zeros-of} does and prints. */
  private static final class ZerosCheck {
    private ZerosCheck() {}

    /**
     * Checks the zeros.
     *
     * @throws VerificationException if one is lost, or the models differ in names or shapes
     */
    static void run(ZerosOptions options, OutputOptions output) {
      Path pruned = options.pruned();
      Path other = options.model();
      UnfinishedRun.requireNone(pruned);
      UnfinishedRun.requireNone(other);
      try (ModelDirectory before = ModelDirectory.open(pruned);
          ModelDirectory after = ModelDirectory.open(other);
          Workers workers = new Workers(Runtime.getRuntime().availableProcessors())) {
        ModelSummary.say(before, output);
        ModelSummary.say(after, output);
        ZerosVerifier.Found found =
            ZerosVerifier.verify(before.modules(), after.modules(), workers);
        Verification failures = found.failures();
        output.result(object(found), () -> text(pruned, other, found));
        if (!failures.holds()) {
          String first = OptionNames.in(failures.failures().getFirst());
          throw new VerificationException(
              ErrorDetails.file(other)
                  .expected("the zeros of " + pruned, first)
                  .said("not all zeros of %s: %s".formatted(pruned, first)));
        }
      }
    }

    private static Map<String, Object> object(ZerosVerifier.Found found) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("verified", found.failures().holds());
      VerificationText.addFailures(object, found.failures());
      object.put("modules", found.modules());
      object.put("zeros", found.zeros());
      return object;
    }

    private static Stream<String> text(Path pruned, Path other, ZerosVerifier.Found found) {
      return found.failures().holds()
          ? MultilineText.of(
              "verified: %s has all %d zeros of %s, in %d modules",
              other, found.zeros(), pruned, found.modules())
          : VerificationText.failures(found.failures());
    }
  }
}
