package io.github.wandacuda.cli;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.output.Verification;
import io.github.wandacuda.job.output.ZerosVerifier;
import io.github.wandacuda.job.record.UnfinishedRun;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** What {@code verify --zeros-of} does and prints. */
final class ZerosCheck {
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
      ZerosVerifier.Found found = ZerosVerifier.verify(before.modules(), after.modules(), workers);
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
