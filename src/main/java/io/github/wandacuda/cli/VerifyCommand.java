package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.cli.option.ClusterOption;
import io.github.wandacuda.cli.option.KeyOptions;
import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.ModuleOptions;
import io.github.wandacuda.cli.option.OptionNames;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.hub.HubCache;
import io.github.wandacuda.job.cluster.ClusterCheck;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.verify.Verification;
import io.github.wandacuda.job.verify.Verification.RowFailure;
import io.github.wandacuda.job.verify.Verification.TensorFailures;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.job.verify.ZerosVerifier;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
        "Proves that a pruned directory is its dense source with weights zeroed, or parts removed,"
            + " and nothing else changed. What the options don't say is taken from its"
            + " wanda-cuda.json. With --zeros-of, proves that another model has all zeros of a"
            + " pruned one.",
    footer = {"  wanda-cuda verify --dense org/model --pruned pruned"})
final class VerifyCommand extends Subcommand {
  private static final String ZEROS_OF = "--zeros-of";

  /** No more lines than anybody reads, of the worst failures. */
  private static final int MOST_LINES = 50;

  private static final int MOST_ROWS = 3;
  private static final String INDENT = "  ";

  @Option(
      names = "--dense",
      paramLabel = "DIR",
      description =
          "The model before pruning: a directory, a .gguf file, or the id of a model that the local"
              + " Hugging Face cache holds.")
  private String givenDense;

  @Option(names = "--pruned", paramLabel = "DIR", description = "The model after pruning.")
  private String givenPruned;

  @Option(
      names = "--strict",
      description =
          "Also fail on files that somebody put beside the model and that no loader reads, such as"
              + " a README.md, and where weights were fitted, which nothing proves.")
  private boolean strict;

  @Option(
      names = ZEROS_OF,
      paramLabel = "DIR",
      description =
          "A pruned model: check that every zero of its linear weights is a zero of --model.")
  private String zerosOf;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "With --zeros-of: the model that was made of it, merged or fine-tuned.")
  private String model;

  @Option(
      names = "--family",
      paramLabel = "FILE",
      description = "A JSON description of the decoder, with which it was pruned.")
  private Path family;

  @Mixin
  private KeyOptions keys = new KeyOptions(MethodKey.METHOD, MethodKey.SPARSITY, MethodKey.PATTERN);

  @Mixin private ModuleOptions modules;
  @Mixin private ClusterOption cluster;

  @Override
  public void run() {
    if (zerosOf == null && model != null) {
      throw new UsageException("--model needs --zeros-of DIR");
    }
    if (zerosOf != null) {
      verifyZeros();
      return;
    }
    if (givenDense == null || givenPruned == null) {
      throw new UsageException(
          ErrorDetails.NOWHERE
              .said("verify needs --dense DIR and --pruned DIR")
              .hint("or --zeros-of DIR and --model DIR"));
    }
    Optional<Sparsity> sparsity = keys.sparsity();
    Verifier.Claim claim =
        new Verifier.Claim(
            (Method) keys.values().get(MethodKey.METHOD),
            sparsity.orElse(null),
            modules.given() ? modules.choice() : null);
    if (sparsity.orElse(null) instanceof Sparsity.GroupPattern) {
      output.warnIfGiven("a pattern asks the same of every method", "--method");
    }
    cluster.check();
    try (ModelDirectory directory = ModelOption.open(givenDense, family, output)) {
      Path pruned = HubCache.find(givenPruned);
      Verification found = verify(directory, pruned, claim);
      boolean holds = strict ? found.holdsStrictly() : found.holds();
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("verified", holds);
      object.put("mode", found.mode());
      addFailures(object, found);
      object.put("unproven", found.unproven());
      object.put("added", found.added().stream().map(Path::toString).toList());
      object.put("unchecked", found.unchecked());
      output.result(object, () -> text(directory.path(), pruned, found, holds));
      if (!holds) {
        throw new VerificationException(
            ErrorDetails.file(pruned)
                .expected("%s pruned".formatted(directory.path()), first(found))
                .said("not %s pruned: %s".formatted(directory.path(), first(found))));
      }
    }
  }

  private Verification verify(ModelDirectory dense, Path pruned, Verifier.Claim claim) {
    if (cluster.given()) {
      try (Cluster on = cluster.open(output, RunNeeds.processBytes(dense, false))) {
        return Verifier.verify(dense, pruned, claim, new ClusterCheck(on, output.progress()));
      }
    }
    int threads = Runtime.getRuntime().availableProcessors();
    return Verifier.verify(dense, pruned, claim, threads, output.progress());
  }

  private static String first(Verification found) {
    if (!found.holds()) {
      return OptionNames.in(found.failures().get(0));
    }
    return found.added().isEmpty()
        ? "%s, and --strict allows none".formatted(unproven(found))
        : "%s was added, and --strict allows nothing".formatted(found.added().get(0));
  }

  private static Stream<String> text(Path dense, Path pruned, Verification found, boolean holds) {
    String parts = Provenance.STRUCTURE + "+";
    boolean proven = found.unproven().isEmpty();
    String changes =
        "%s%s and nothing else changed"
            .formatted(
                found.mode().equals(Provenance.STRUCTURE) ? "parts removed" : "weights zeroed",
                proven ? "" : ", these tensors fitted,");
    Stream<String> result =
        holds
            ? OutputOptions.lines(
                "verified%s: %s is %s with %s%s",
                proven ? "" : " but for " + unproven(found),
                pruned,
                dense,
                found.mode().startsWith(parts) ? "parts removed, " : "",
                changes)
            : failures(found);
    return Stream.concat(result, notes(found));
  }

  private void verifyZeros() {
    output.exclude(
        ZEROS_OF,
        "--dense",
        "--pruned",
        "--strict",
        "--method",
        "--sparsity",
        "--pattern",
        "--include",
        "--exclude",
        "--cluster");
    if (model == null) {
      throw new UsageException(
          ErrorDetails.NOWHERE.said("--zeros-of needs --model DIR").hint("the model to check"));
    }
    try (ModelDirectory before = ModelOption.open(zerosOf, null, output);
        ModelDirectory after = ModelOption.open(model, null, output);
        Workers workers = new Workers(Runtime.getRuntime().availableProcessors())) {
      ZerosVerifier.Found found = ZerosVerifier.verify(before.modules(), after.modules(), workers);
      Verification failures = found.failures();
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("verified", failures.holds());
      addFailures(object, failures);
      object.put("modules", found.modules());
      object.put("zeros", found.zeros());
      output.result(
          object,
          () ->
              failures.holds()
                  ? OutputOptions.lines(
                      "verified: %s has all %d zeros of %s, in %d modules",
                      after.path(), found.zeros(), before.path(), found.modules())
                  : failures(failures));
      if (!failures.holds()) {
        String first = OptionNames.in(failures.failures().getFirst());
        throw new VerificationException(
            ErrorDetails.file(after.path())
                .expected("the zeros of " + before.path(), first)
                .said("not all zeros of %s: %s".formatted(before.path(), first)));
      }
    }
  }

  private static Stream<String> failures(Verification found) {
    List<TensorFailures> tensors = found.tensors();
    Stream<String> title = Stream.of("not verified: " + summary(found));
    if (found.isOfOtherSource()) {
      String cause = INDENT + OptionNames.in(found.others().getFirst());
      long others = found.count() - 1;
      Stream<String> rest = Stream.of(INDENT + "%s may follow from that (--json lists them)");
      return Stream.of(
              title,
              Stream.of(cause),
              rest.filter(line -> others > 0).map(line -> line.formatted(count(others, "failure"))))
          .flatMap(lines -> lines);
    }
    Stream<String> others = shortened(found.others()).map(line -> INDENT + OptionNames.in(line));
    Stream<String> rows =
        tensors.stream().limit(MOST_LINES).flatMap(VerifyCommand::worst).map(INDENT::concat);
    return Stream.of(title, others, rows, more(tensors.size(), "tensors")).flatMap(lines -> lines);
  }

  /** Adds the failures to a result: all of them in words, and how many each tensor has. */
  private static void addFailures(Map<String, Object> object, Verification found) {
    object.put("failures", found.failures().stream().map(OptionNames::in).toList());
    object.put("failures_by_tensor", found.tensors().stream().map(VerifyCommand::row).toList());
  }

  private static Map<String, Object> row(TensorFailures tensor) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("tensor", tensor.tensor());
    row.put("count", tensor.count());
    return row;
  }

  /** Says how many tensors were fitted, and what holds them to what the run wrote. */
  private static String unproven(Verification found) {
    int count = found.unproven().size();
    int undigested = found.undigested();
    String digests =
        switch (undigested) {
          case 0 -> "only their digests in %s are checked".formatted(Provenance.FILE_NAME);
          default ->
              "%s has no digests of %s"
                  .formatted(Provenance.FILE_NAME, undigested == count ? "them" : undigested);
        };
    return "%s with fitted weights, which nothing proves (%s)"
        .formatted(count(count, "tensor"), digests);
  }

  private static String summary(Verification found) {
    if (found.count() == 0 && found.added().isEmpty()) {
      return unproven(found) + ", and --strict allows none";
    }
    if (found.count() == 0) {
      return count(found.added().size(), "file") + " added, and --strict allows none";
    }
    if (found.tensors().isEmpty()) {
      return count(found.count(), "failure");
    }
    String inTensors =
        "%s in %s"
            .formatted(
                count(found.count() - found.others().size(), "failure"),
                count(found.tensors().size(), "tensor"));
    int others = found.others().size();
    return others == 0 ? inTensors : "%s, %d elsewhere".formatted(inTensors, others);
  }

  private static Stream<String> worst(TensorFailures tensor) {
    String order = tensor.count() > 1 ? ", the worst first" : "";
    Stream<String> title =
        Stream.of(
            "%s: tensor %s: %s%s"
                .formatted(
                    tensor.file(),
                    Printable.of(tensor.tensor()),
                    count(tensor.count(), "failure"),
                    order));
    Stream<String> rows =
        tensor.rows().stream().limit(MOST_ROWS).map(RowFailure::text).map(INDENT::concat);
    long left = tensor.count() - Math.min(MOST_ROWS, tensor.rows().size());
    Stream<String> more = Stream.of(INDENT + "and %d more (--json lists them)".formatted(left));
    return Stream.of(title, rows, more.filter(line -> left > 0)).flatMap(lines -> lines);
  }

  private static Stream<String> shortened(List<String> lines) {
    return Stream.concat(lines.stream().limit(MOST_LINES), more(lines.size(), ""));
  }

  private static Stream<String> more(int size, String what) {
    return size <= MOST_LINES
        ? Stream.empty()
        : Stream.of(
            INDENT
                + "and %d more %s (--json lists them)"
                    .formatted(size - MOST_LINES, what)
                    .replace("  ", " "));
  }

  private static String count(long count, String what) {
    return "%d %s%s".formatted(count, what, count == 1 ? "" : "s");
  }

  /** Returns the files that were added and the keys that can't be checked, line by line. */
  private static Stream<String> notes(Verification found) {
    Stream<String> added =
        shortened(
            found.added().stream()
                .map(file -> "added since, which no loader reads: " + Printable.of(file))
                .toList());
    Stream<String> unchecked =
        Stream.of(
            "not checked, as neither weights nor source show it: "
                + String.join(", ", found.unchecked()));
    return found.unchecked().isEmpty() ? added : Stream.concat(added, unchecked);
  }
}
