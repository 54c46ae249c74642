package io.github.wandacuda.library;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.compare.ComparedRun;
import io.github.wandacuda.job.compare.Comparison;
import io.github.wandacuda.job.compare.ComparisonWork;
import io.github.wandacuda.job.prune.SharedSparsity;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What {@link ModelJobs#compare} does: takes what a comparison measures, each in its place. */
final class MethodComparison implements ComparisonWork.Measured {
  private final ComparedRun[] runs;
  private double dense;

  private MethodComparison(int methods) {
    runs = new ComparedRun[methods];
  }

  /** Reads methods with what follows them, one at least. */
  static List<PruningRules> rules(List<String> methods, Sparsity amount) {
    if (methods.isEmpty()) {
      throw new UsageException("methods: expected one or more, found none");
    }
    return methods.stream()
        .map(method -> ModuleRules.of(method, amount, Method.WITHOUT_FILES, "method"))
        .map(each -> new PruningRules(each, Unreached.MAGNITUDE))
        .toList();
  }

  static ModelJobs.ComparisonResult run(
      Comparison comparison, List<PruningRules> rules, Progress progress) {
    rules.forEach(comparison::check);
    comparison.requireMemory(rules);
    MethodComparison measured = new MethodComparison(rules.size());
    progress.begin(0);
    comparison.measure(parts(rules), rules.size() + 1, progress, measured);
    return new ModelJobs.ComparisonResult(
        measured.dense, Stream.of(measured.runs).map(MethodComparison::compared).toList());
  }

  /** The dense model, and each method behind it. */
  private static List<ComparisonWork.Part> parts(List<PruningRules> rules) {
    List<ComparisonWork.Part> parts = new ArrayList<>();
    parts.add(new ComparisonWork.Part(0, null));
    for (PruningRules each : rules) {
      SharedSparsity alike = new SharedSparsity(each, null);
      parts.add(
          new ComparisonWork.Part(
              parts.size(), sharing -> new Comparison.Way(each.label(), null, alike, null)));
    }
    return parts;
  }

  @Override
  public void dense(ComparedRun.DenseFigures figures) {
    dense = figures.perplexity();
  }

  @Override
  public void run(int place, ComparedRun run) {
    runs[place - 1] = run;
  }

  private static ModelJobs.ComparedMethod compared(ComparedRun run) {
    return new ModelJobs.ComparedMethod(
        run.method(),
        run.zeros(),
        run.perplexity(),
        run.predictions().kl(),
        run.predictions().top1Agreement(),
        run.relativeError(),
        run.maskSha256());
  }
}
