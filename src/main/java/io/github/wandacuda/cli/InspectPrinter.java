package io.github.wandacuda.cli;

import io.github.wandacuda.cli.console.MultilineText;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.Inspector.Inspection;
import io.github.wandacuda.model.LinearModules;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
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
    return inspections.stream().mapToLong(InspectPrinter::prunable).sum();
  }

  private static long prunable(Inspection inspection) {
    return inspection.module().prunable() ? inspection.module().elements() : 0;
  }

  long zeros() {
    return inspections.stream().mapToLong(Inspection::zeros).sum();
  }

  double sparsity() {
    return share(zeros(), prunable());
  }

  private static double share(long zeros, long weights) {
    return weights == 0 ? 0 : (double) zeros / weights;
  }

  /**
   * Returns the lines.
   *
   * @param byModule whether each module has a line, instead of each block
   */
  Stream<String> text(boolean byModule) {
    Stream<String> head =
        MultilineText.of(
            "%s, %s: %s",
            facts.modelType().isEmpty() ? "no model type" : facts.modelType(),
            facts.architecture().isEmpty() ? "no architecture" : facts.architecture(),
            facts
                .obstacle()
                .map(obstacle -> "no calibrated run, since " + obstacle)
                .orElse("a calibrated run is possible"));
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
    Stream<String> packed =
        facts.packing().stream()
            .map(
                packing ->
                    "packed: %d weights, in files of %d bytes"
                        .formatted(packing.modules(), packing.bytes()));
    return Stream.of(head, byModule ? modules() : blocks(), foot, packed)
        .flatMap(lines -> lines);
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
    return Stream.concat(
        Stream.of(line.formatted("block", "modules", "weights", "zeros", "patterns")),
        blocks.entrySet().stream().map(entry -> block(line, entry.getKey(), entry.getValue())));
  }

  private static String block(String format, String block, List<Inspection> modules) {
    long weights = modules.stream().mapToLong(InspectPrinter::prunable).sum();
    long zeros = modules.stream().mapToLong(Inspection::zeros).sum();
    List<String> patterns =
        modules.getFirst().patterns().stream()
            .filter(pattern -> modules.stream().allMatch(row -> row.patterns().contains(pattern)))
            .toList();
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
