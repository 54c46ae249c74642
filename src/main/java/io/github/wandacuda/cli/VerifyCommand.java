package io.github.wandacuda.cli;

import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.UnfinishedRun;
import io.github.wandacuda.pruning.Verifier;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
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
            + " changed. What the options don't say is taken from its wanda-cuda.json.",
    mixinStandardHelpOptions = true)
final class VerifyCommand implements Runnable {
  @Option(
      names = "--dense",
      paramLabel = "DIR",
      required = true,
      description = "The model before pruning.")
  private Path dense;

  @Option(
      names = "--pruned",
      paramLabel = "DIR",
      required = true,
      description = "The model after pruning.")
  private Path pruned;

  @Mixin private SparsityOptions sparsity;
  @Mixin private ModuleOptions modules;
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    Verifier.Claim claim =
        new Verifier.Claim(
            sparsity.method().orElse(null),
            sparsity.sparsity().orElse(null),
            modules.given() ? modules.choice() : null);
    UnfinishedRun.requireNone(dense);
    int threads = Runtime.getRuntime().availableProcessors();
    try (ModelDirectory directory = ModelDirectory.open(dense)) {
      List<String> failures = Verifier.verify(directory, pruned, claim, threads);
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("verified", failures.isEmpty());
      object.put("failures", failures);
      output.result(object, () -> text(failures));
      if (!failures.isEmpty()) {
        throw new VerificationException(
            "%s is not %s pruned: %s".formatted(pruned, dense, failures.get(0)));
      }
    }
  }

  private Stream<String> text(List<String> failures) {
    return failures.isEmpty()
        ? Lines.of("verified: %s is %s with weights zeroed and nothing else changed", pruned, dense)
        : Stream.concat(
            Stream.of("not verified:"), failures.stream().map(failure -> "  " + failure));
  }
}
