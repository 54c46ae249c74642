package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.job.Inspector;
import io.github.wandacuda.job.Inspector.Inspection;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows what a model directory holds. */
@Command(
    name = "inspect",
    description =
        "Shows what a model directory holds: family, modules, shapes, dtypes, zeros, patterns.",
    footerHeading = "%n",
    footer = {"  wanda-cuda inspect --model org/model"},
    mixinStandardHelpOptions = true)
final class InspectCommand implements Runnable {
  private static final long SMALL = 1 << 24;

  @Mixin private ModelOption model;

  @Option(names = "--modules", description = "Show each module instead of each block.")
  private boolean modules;

  @Option(
      names = "--match",
      paramLabel = "REGEX",
      converter = ModuleOptions.RegexConverter.class,
      description = "Count and show only linear modules in whose name this is found.")
  private Pattern match;

  @Mixin private OutputOptions output;

  @Override
  public void run() {
    try (ModelDirectory directory = model.open()) {
      ModelSummary.say(directory, output);
      List<LinearModule> chosen =
          match == null
              ? directory.modules()
              : directory.choose(new ModuleChoice(List.of(match), List.of()));
      ModelFacts facts = ModelFacts.of(directory);
      output.row(facts.head());
      List<Inspection> inspections = Inspector.inspect(chosen, threads(chosen), output.progress());
      inspections.sort(Comparator.comparing(Inspection::name, TensorNames.NATURAL));
      InspectPrinter printer = new InspectPrinter(facts, inspections);
      output.result(object(printer), () -> printer.text(modules));
    }
  }

  /** Returns one for a small model, since it takes more time to start the others. */
  private static int threads(List<LinearModule> modules) {
    long weights = 0;
    for (LinearModule module : modules) {
      weights += module.elements();
    }
    return weights < SMALL ? 1 : Runtime.getRuntime().availableProcessors();
  }

  private static Map<String, Object> object(InspectPrinter printer) {
    Map<String, Object> object = new LinkedHashMap<>(printer.facts().toJson());
    object.put("prunable", printer.prunable());
    object.put("zeros", printer.zeros());
    object.put("sparsity", printer.sparsity());
    object.put("modules", printer.inspections().stream().map(InspectCommand::row).toList());
    return object;
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
}
