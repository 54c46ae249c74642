package io.github.wandacuda.report;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.evaluate.Accuracy;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.job.compare.ComparedRun;
import io.github.wandacuda.job.compare.ComparedRun.DenseFigures;
import io.github.wandacuda.job.compare.ComparedRun.ModuleFigures;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** A comparison of three methods, with names that HTML could mistake. */
final class ComparedRuns {
  private ComparedRuns() {}

  static ComparisonReport report() {
    List<ComparedRun> runs = new ArrayList<>();
    String[] methods = {"wanda", "magnitude", "wanda+swaps+reconstruct"};
    double[] amounts = {0.3, 0.5, 0.7};
    for (int method = 0; method < methods.length; method++) {
      for (double amount : amounts) {
        runs.add(run(methods[method], new Sparsity.Ratio(amount), 20 + method + 100 * amount));
      }
      runs.add(run(methods[method], new Sparsity.GroupPattern(2, 4), 1000 + method));
    }
    return new ComparisonReport(new DenseFigures(9.5, tasks(0.9), null), runs);
  }

  private static ComparedRun run(String method, Sparsity sparsity, double perplexity) {
    List<ModuleFigures> modules = new ArrayList<>();
    for (int block = 0; block < 32; block++) {
      for (String name : List.of("q_proj", "</script><b>")) {
        modules.add(
            new ModuleFigures(
                "layers." + block + "." + name,
                100,
                50 + block,
                OptionalDouble.of(perplexity / 1e4)));
      }
    }
    return new ComparedRun(
        method,
        sparsity,
        null,
        null,
        new ComparedRun.Predictions(
            OptionalDouble.of(perplexity),
            OptionalDouble.of(perplexity / 128),
            OptionalDouble.of(0.625)),
        tasks(0.5),
        "0123456789abcdef",
        modules,
        null,
        12.5);
  }

  private static Map<String, TaskFigures> tasks(double accuracy) {
    return Map.of("</script>task", new TaskFigures(8, new Accuracy(accuracy, 0.1), null));
  }
}
