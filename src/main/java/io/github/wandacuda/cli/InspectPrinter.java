package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.Inspector.Inspection;
import io.github.wandacuda.model.LinearModules;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What is in a model, for people.
 *
 * @param facts of the model
 * @param inspections of its modules, in the natural order of their names
 */
record InspectPrinter(ModelFacts facts, List<Inspection> inspections) {
  /** The widest column of names. A longer name shifts only its own row. */
  private static final int WIDEST = 100;

  /** Where modules stand that have no number. */
  private static final String OUTSIDE = "none";

  long prunable() {
    return prunable(inspections);
  }

  private static long prunable(List<Inspection> inspections) {
    long weights = 0;
    for (Inspection inspection : inspections) {
      weights += inspection.module().prunable() ? inspection.module().elements() : 0;
    }
    return weights;
  }

  long zeros() {
    return zeros(inspections);
  }

  private static long zeros(List<Inspection> inspections) {
    long zeros = 0;
    for (Inspection inspection : inspections) {
      zeros += inspection.zeros();
    }
    return zeros;
  }

  double sparsity() {
    return share(zeros(), prunable());
  }

  private static double share(long zeros, long weights) {
    return weights == 0 ? 0 : (double) zeros / weights;
  }

  /**
   * Returns the lines below {@link ModelFacts#head}.
   *
   * @param byModule whether each module has a line, instead of each block
   */
  Stream<String> text(boolean byModule) {
    Stream<String> foot =
        Stream.of(
            "%d parameters in %d bytes, %d of them in %d linear modules, %d of those zero (%.2f %%)"
                .formatted(
                    facts.parameters(),
                    facts.bytes(),
                    prunable(),
                    inspections.size(),
                    zeros(),
                    100 * sparsity()));
    return Stream.of(byModule ? modules() : blocks(), foot, packed()).flatMap(Function.identity());
  }

  private Stream<String> packed() {
    if (facts.packing().isEmpty()) {
      return Stream.of();
    }
    ModelFacts.Packing packing = facts.packing().get();
    return Stream.of(
        "packed: %d weights, in files of %d bytes".formatted(packing.modules(), packing.bytes()));
  }

  private Stream<String> modules() {
    int longest = inspections.stream().mapToInt(row -> shown(row).length()).max().orElse(6);
    String line = "%-" + Math.min(WIDEST, longest) + "s  %-5s %17s  %8s  %s";
    return Stream.concat(
        Stream.of(line.formatted("module", "dtype", "rows x columns", "zeros", "patterns")),
        inspections.stream().map(row -> module(line, row)));
  }

  private static String module(String format, Inspection row) {
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

  private Stream<String> blocks() {
    Map<String, List<Inspection>> blocks = new LinkedHashMap<>();
    for (Inspection inspection : inspections) {
      OptionalInt number = LinearModules.block(inspection.name());
      String block = number.isPresent() ? String.valueOf(number.getAsInt()) : OUTSIDE;
      blocks.computeIfAbsent(block, any -> new ArrayList<>()).add(inspection);
    }
    String line = "%-5s  %7s  %14s  %8s  %s";
    List<String> lines = new ArrayList<>();
    lines.add(line.formatted("block", "modules", "weights", "zeros", "patterns"));
    for (Map.Entry<String, List<Inspection>> block : blocks.entrySet()) {
      lines.add(block(line, block.getKey(), block.getValue()));
    }
    return lines.stream();
  }

  private static String block(String format, String block, List<Inspection> modules) {
    long weights = prunable(modules);
    long zeros = zeros(modules);
    List<String> patterns = new ArrayList<>(modules.getFirst().patterns());
    for (Inspection module : modules) {
      patterns.retainAll(module.patterns());
    }
    return format
        .formatted(
            block,
            modules.size(),
            weights,
            "%.2f %%".formatted(100 * share(zeros, weights)),
            String.join(" ", patterns))
        .stripTrailing();
  }
}
