package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.cli.option.EvaluateOption;
import io.github.wandacuda.cli.option.MaskOptions;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.ComputedOn;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ModuleReading;
import io.github.wandacuda.pruning.mask.MaskFileWriter;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.report.PruneReport;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.report.RunFacts;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A run of {@code prune}, with all that it writes and measures beside the model. */
record PruneRun(
    PruneCommand command,
    ModelDirectory model,
    PruneRequest request,
    Backend backend,
    ResultFiles results,
    MemoryWatch memory) {
  void run(PruneJob job) {
    command.prepared();
    boolean part = command.target.part().isPresent();
    try (MaskFileWriter masks = masks(job)) {
      Optional<EvaluateOption.Measured> before = command.measured(dense(), backend, results);
      Map<String, ModuleReading> readings = new LinkedHashMap<>();
      RunResult result =
          job.run(
              backend,
              command.output.progress(),
              masks == null ? MaskSink.NONE : masks,
              unfinished -> {
                if (part) {
                  // Every part was told to write them; only the last one does.
                  results.reserve();
                }
                if (masks != null) {
                  masks.finish();
                }
                saveStatistics(unfinished);
                readings.putAll(read(unfinished));
                if (!command.evaluation.given()) {
                  writeReport(timed(unfinished), readings, Optional.empty());
                }
              });
      boolean afterwards = result.wasFinished() && !part;
      if (afterwards && (command.savedStatistics != null || masks != null)) {
        command.output.say(
            "the output was finished before: --save-statistics and --save-masks are left out");
      }
      Optional<Perplexities> perplexities =
          command.compared(before, dense(), request.output(), backend, results);
      if (afterwards) {
        writeReportAfterwards(result, job.chosen(), perplexities);
      } else if (perplexities.isPresent() && !result.wasFinished()) {
        writeReport(timed(result), readings, perplexities);
      }
      print(timed(result), perplexities);
    }
  }

  /** Returns the model that is there before anything is done. */
  private ModelDirectory dense() {
    return request.smaller().map(SmallerModel::dense).orElse(model);
  }

  private MaskFileWriter masks(PruneJob job) {
    return results.writes(MaskOptions.SAVE)
        ? new MaskFileWriter(command.maskFiles.saved(), job.chosen(), SourceDigest.of(model))
        : null;
  }

  private void saveStatistics(RunResult result) {
    if (command.savedStatistics != null) {
      results.write(
          PruneCommand.SAVED_STATISTICS,
          command.calibrations.statistics(result, request.calibration()).content());
    }
  }

  /** Returns where the pruned model is, perhaps under the name of an unfinished file. */
  private Path written() {
    return model.isGguf() ? new GgufPlace(request.output()).current() : request.output();
  }

  /** Reads what a report needs of the modules, if one is wanted, before they may be packed. */
  private Map<String, ModuleReading> read(RunResult result) {
    // In place, the weights that were taken out are gone.
    return report() == null || request.output().equals(model.path())
        ? Map.of()
        : ModuleReading.of(written(), request.rules(), result.modules(), backend);
  }

  private void writeReport(
      RunResult result, Map<String, ModuleReading> readings, Optional<Perplexities> perplexities) {
    write(new PruneReport(facts(result), request, result, readings, perplexities, memory.peaks()));
  }

  /** Writes the report of a run that had ended before, from what its files still say. */
  private void writeReportAfterwards(
      RunResult finished, List<LinearModule> chosen, Optional<Perplexities> perplexities) {
    if (report() == null) {
      return;
    }
    if (request.packed() || request.output().equals(model.path())) {
      command.output.say(
          "the output was finished before, and %s: --report is left out"
              .formatted(request.packed() ? "packed" : "the dense weights are gone"));
      return;
    }
    List<String> kept = finished.provenance().kept();
    PruningRules rules = request.rules().keeping(kept == null ? Set.of() : Set.copyOf(kept));
    List<ModuleResult> modules =
        chosen.stream()
            .map(module -> new ModuleResult(module, 0, 0, 0, norms(module, rules), null))
            .toList();
    Map<String, ModuleReading> readings = ModuleReading.of(written(), rules, modules, backend);
    RunResult result =
        new RunResult(
            finished.provenance(),
            modules.stream()
                .map(module -> readings.get(module.module().name()).of(module, rules))
                .toList(),
            finished.seconds(),
            null);
    write(
        new PruneReport(
            facts(finished),
            request.with(rules, request.allocation(), request.resume()),
            result,
            readings,
            perplexities,
            Map.of()));
  }

  private float[] norms(LinearModule module, PruningRules rules) {
    return request.calibration() instanceof Calibration.FromStatistics source
            && rules.of(module).needsNorms()
        ? source.statistics().norms().get(module.name())
        : null;
  }

  private void write(PruneReport report) {
    if (report() != null) {
      results.write(PruneCommand.REPORT, report.content(report()));
    }
  }

  private Path report() {
    return results.writes(PruneCommand.REPORT) ? command.report : null;
  }

  private RunResult timed(RunResult result) {
    return result.with(command.around(result.seconds()));
  }

  private RunFacts facts(RunResult result) {
    Map<String, Object> inputs = new LinkedHashMap<>();
    request
        .files()
        .forEach(
            (what, paths) ->
                inputs.put(
                    what + "_file",
                    paths.stream().map(Path::toString).collect(Collectors.joining(", "))));
    inputs.putAll(result.provenance().origin());
    command.calibrations.addFacts(inputs, request.calibration());
    if (command.evaluation.given()) {
      inputs.put("text", command.evaluation.facts());
    }
    return WandaCuda.facts(dense(), backend, command.output, inputs);
  }

  private void print(RunResult result, Optional<Perplexities> perplexities) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("output", request.output().toString());
    object.put("method", request.rules().method());
    ComputedOn.of(backend).addTo(object);
    object.put("modules", result.provenance().modules().size());
    object.put("pruned", result.provenance().pruned());
    object.put("sparsity", result.sparsity());
    object.put("dead_columns", result.deadColumns());
    object.put("zero_rows", result.zeroRows());
    result.relativeError().ifPresent(error -> object.put("relative_error", error));
    perplexities.ifPresent(both -> both.addTo(object));
    object.put("seconds", result.seconds().toJson());
    object.putAll(memory.peaks());
    object.put("mask_sha256", result.provenance().maskSha256());
    Optional.ofNullable(result.part()).ifPresent(part -> object.put("part", part.toJson()));
    Stream<String> evaluated = perplexities.stream().map(both -> "  text     " + both.text());
    command.output.written(object, () -> Stream.concat(text(result), evaluated));
  }

  private String title(RunResult result) {
    Part.PartState part = result.part();
    boolean nothing = result.wasFinished();
    String done =
        nothing
            ? "finished before, nothing was done"
            : "%s, %s, on %s"
                .formatted(request.rules().label(), request.rules().amount(), backend.name());
    return part == null ? done : "%s: %s".formatted(part, nothing ? "finished" : done);
  }

  /** Returns in words how far outputs are off, which needs second moments. */
  private static Stream<String> relativeError(RunResult result) {
    return result.relativeError().stream()
        .filter(Double::isFinite)
        .mapToObj("  error    %.4f of the outputs' squares, mean over modules"::formatted);
  }

  /** Returns why the share of zeros isn't the one that was asked for; nothing where it is. */
  private String whyNotAsAsked(RunResult result) {
    ModuleRules common = request.rules().common();
    if (!request.rules().stages().isEmpty()
        || common.method() == Method.MASKS
        || !(common.sparsity() instanceof Sparsity.Ratio ratio)
        || percent(ratio.fraction()).equals(percent(result.sparsity()))) {
      return "";
    }
    List<String> kept = result.provenance().kept();
    if (kept != null && !kept.isEmpty()) {
      return "; %d modules that no sample reached were kept".formatted(kept.size());
    }
    if (result.provenance().zeros() > result.provenance().pruned()) {
      return "; with zeros that were there before";
    }
    boolean less = result.sparsity() < ratio.fraction();
    if (common.countsRows()) {
      return less ? "; each row's share is rounded down to whole weights" : "";
    }
    return switch (common.method()) {
      case MAGNITUDE -> "; all weights up to the threshold go, equal ones too";
      case WANDA_VARIANT -> "; its share is one of scores";
      default -> "; weights with equal scores go or stay together";
    };
  }

  private static String percent(double share) {
    return "%.2f".formatted(100 * share);
  }

  private Stream<String> text(RunResult result) {
    Stream<String> weights =
        OutputOptions.lines(
            """
            %s: %s
              modules  %d
              weights  %d, of which %d are now zero (%.2f %%%s)
              dead     %s%d output rows, which are all zero\
            """,
            request.output(),
            title(result),
            result.provenance().modules().size(),
            result.provenance().elements(),
            result.provenance().zeros(),
            100 * result.sparsity(),
            whyNotAsAsked(result),
            request.rules().needNorms()
                ? "%d input columns, whose norm is 0; ".formatted(result.deadColumns())
                : "",
            result.zeroRows());
    Stream<String> rest =
        OutputOptions.lines(
            """
              masks    %s
              seconds  %s%s\
            """,
            result.provenance().maskSha256() == null
                ? "when all parts are done"
                : "sha256 " + result.provenance().maskSha256(),
            result.seconds().text(),
            request.verify() ? "" : ", not verified");
    return Stream.of(weights, relativeError(result), rest).flatMap(lines -> lines);
  }
}
