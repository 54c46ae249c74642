package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.SparsityParser;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Options for how weights are scored and how many are pruned. */
final class SparsityOptions {
  @Option(
      names = "--method",
      paramLabel = "NAME",
      description =
          "wanda, magnitude, ria, wanda-variant, sparsegpt or masks (default of prune: wanda).")
  private String method;

  @Option(
      names = "--sparsity",
      paramLabel = "R",
      description =
          "Fraction of each output row that is pruned, 0 <= R < 1 (default of prune: 0.5).")
  private String sparsity;

  @Option(
      names = "--pattern",
      paramLabel = "N:M",
      description = "Prune N of every M consecutive input columns; excludes --sparsity.")
  private String pattern;

  /** Returns whether any of them is given. */
  boolean given() {
    return method != null || sparsity != null || pattern != null;
  }

  public Optional<Method> method() {
    return Optional.ofNullable(method).map(Method::of);
  }

  public Optional<Sparsity> sparsity() {
    if (sparsity != null && pattern != null) {
      throw new UsageException("--sparsity and --pattern exclude each other");
    }
    if (pattern != null) {
      return Optional.of(SparsityParser.pattern(pattern));
    }
    return Optional.ofNullable(sparsity).map(SparsityParser::ratio);
  }
}
