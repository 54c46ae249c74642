package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.checkpoint.Checkpoint;
import io.github.wandacuda.io.checkpoint.TensorNames;
import io.github.wandacuda.job.Inspector;
import io.github.wandacuda.job.Inspector.Inspection;
import io.github.wandacuda.model.ModelDirectory;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Shows what a model directory holds. */
@Command(
    name = "inspect",
    description = "Shows what a model directory holds: modules, shapes, dtypes, zeros, patterns.",
    mixinStandardHelpOptions = true)
final class InspectCommand implements Runnable {
  /** The widest column of names. A longer name shifts only its own row. */
  private static final int WIDEST = 100;

  @Mixin private ModelOption model;

  @Mixin private OutputOptions output;

  @Override
  public void run() {
    try (ModelDirectory directory = model.open()) {
      ModelSummary.say(directory, output);
      List<Inspection> modules =
          Inspector.inspect(directory, Runtime.getRuntime().availableProcessors()).stream()
              .sorted(Comparator.comparing(Inspection::name, TensorNames.NATURAL))
              .toList();
      long parameters = parameters(directory.checkpoint());
      long prunable = modules.stream().mapToLong(InspectCommand::prunable).sum();
      long zeros = modules.stream().mapToLong(Inspection::zeros).sum();
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("parameters", parameters);
      object.put("prunable", prunable);
      object.put("zeros", zeros);
      object.put("sparsity", prunable == 0 ? 0 : (double) zeros / prunable);
      object.put("modules", modules.stream().map(InspectCommand::row).toList());
      output.result(object, () -> text(modules, parameters, prunable, zeros));
    }
  }

  private static long parameters(Checkpoint checkpoint) {
    return checkpoint.tensors().stream().mapToLong(entry -> entry.info().elements()).sum();
  }

  private static long prunable(Inspection inspection) {
    return inspection.module().prunable() ? inspection.module().elements() : 0;
  }

  private static Map<String, Object> row(Inspection inspection) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", inspection.module().name());
    row.put("dtype", inspection.module().tensor().dtype());
    row.put("rows", inspection.module().rows());
    row.put("columns", inspection.module().columns());
    row.put("zeros", inspection.zeros());
    row.put("sparsity", inspection.sparsity());
    row.put("patterns", inspection.patterns());
    return row;
  }

  private static Stream<String> text(
      List<Inspection> modules, long parameters, long prunable, long zeros) {
    int longest = modules.stream().mapToInt(row -> shown(row).length()).max().orElse(6);
    int width = Math.min(WIDEST, longest);
    String line = "%-" + width + "s  %-5s %17s  %8s  %s";
    return Stream.of(
            Stream.of(line.formatted("module", "dtype", "rows x columns", "zeros", "patterns")),
            modules.stream().map(row -> line(line, row)),
            Stream.of(
                "%d parameters, %d of them in %d linear modules, %d of those zero (%.2f %%)"
                    .formatted(
                        parameters,
                        prunable,
                        modules.size(),
                        zeros,
                        prunable == 0 ? 0 : 100.0 * zeros / prunable)))
        .flatMap(lines -> lines);
  }

  private static String line(String format, Inspection row) {
    return format
        .formatted(
            shown(row),
            Printable.of(row.module().tensor().dtype()),
            row.module().rows() + " x " + row.module().columns(),
            "%.2f %%".formatted(100 * row.sparsity()),
            String.join(" ", row.patterns()))
        .stripTrailing();
  }

  /** Returns the module's name as it is printed. */
  private static String shown(Inspection row) {
    return Printable.of(row.module().name());
  }
}
