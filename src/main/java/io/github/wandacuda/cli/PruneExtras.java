package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.evaluate.CachedDecoder;
import io.github.wandacuda.evaluate.Generation;
import io.github.wandacuda.evaluate.PrefixToken.EndTokens;
import io.github.wandacuda.evaluate.Sampler;
import io.github.wandacuda.evaluate.TextStream;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.ModuleReading;
import io.github.wandacuda.job.PruneRequest;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.report.PruneReport;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.report.RunFacts;
import io.github.wandacuda.system.AvailableMemory;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a run of {@code prune} writes and measures beside the pruned model, where it is asked to.
 */
record PruneExtras(
    ModelDirectory model,
    PruneRequest request,
    Backend backend,
    CalibrationOptions calibrations,
    EvaluateOption evaluation,
    Targets files,
    OutputOptions output) {
  /** Tokens of the text's beginning, and as many new ones. */
  private static final int SAMPLE_TOKENS = 32;

  /**
   * Files beside the output.
   *
   * @param statistics takes the norms that were used, or null
   * @param report takes a report, or null
   * @param results writes them
   */
  record Targets(Path statistics, Path report, ResultFiles results) {}

  /**
   * What a model makes of the text.
   *
   * @param perplexity on it
   * @param tokens that it goes on with after the text's beginning, if that was to be had
   */
  record Measured(double perplexity, Optional<List<Integer>> tokens) {}

  /** Measures a model on the text, before or after the run. */
  Measured measure(ModelDirectory measured, boolean before) {
    return new Measured(
        evaluation.perplexity(measured, before, backend, output),
        hasSample(measured) ? Optional.of(continuation(measured)) : Optional.empty());
  }

  /** Measures the pruned model, and returns what it says beside the dense one. */
  Perplexities compared(Measured before) {
    try (ModelDirectory pruned = ModelDirectory.open(request.output())) {
      Measured after = measure(pruned, false);
      return new Perplexities(
          before.perplexity(),
          after.perplexity(),
          before.tokens().isPresent() && after.tokens().isPresent()
              ? Optional.of(sample(before.tokens().get(), after.tokens().get()))
              : Optional.empty());
    }
  }

  private boolean hasSample(ModelDirectory measured) {
    if (files.report() == null || !Files.exists(measured.path().resolve("tokenizer.json"))) {
      return false;
    }
    long bytes = GenerateNeeds.bytes(measured, backend.operations(), 2L * SAMPLE_TOKENS);
    if (bytes > AvailableMemory.bytes()) {
      output.detail("the report has no sample text: its weights would take %d bytes", bytes);
      return false;
    }
    return true;
  }

  private List<Integer> continuation(ModelDirectory measured) {
    int[] prompt = evaluation.beginning(SAMPLE_TOKENS);
    var family = DecoderFamilies.of(measured.config());
    int room = family.shape(measured.config()).maximumLength() - prompt.length;
    int limit = Math.max(0, Math.min(SAMPLE_TOKENS, room));
    Operations operations = backend.operations();
    try (Decoder decoder =
            family.open(
                measured.config(), measured.checkpoint(), operations, WeightKeeping.RESIDENT);
        CachedDecoder cached = new CachedDecoder(decoder, operations, prompt.length + limit)) {
      return Generation.run(
              cached, prompt, limit, Sampler.GREEDY, EndTokens.of(measured.config()), id -> {})
          .tokens();
    }
  }

  private Perplexities.Sample sample(List<Integer> before, List<Integer> after) {
    int[] prompt = evaluation.beginning(SAMPLE_TOKENS);
    try (Tokenizer tokenizer = TokenizerProcess.open(model.path())) {
      return new Perplexities.Sample(
          tokenizer.decode(prompt),
          text(tokenizer, prompt, before),
          text(tokenizer, prompt, after));
    }
  }

  private static String text(Tokenizer tokenizer, int[] prompt, List<Integer> tokens) {
    TextStream stream = new TextStream(tokenizer, prompt);
    String text = tokens.stream().map(stream::add).collect(Collectors.joining());
    return text + stream.end();
  }

  void saveStatistics(RunResult result) {
    if (files.statistics() != null) {
      files
          .results()
          .write(
              PruneCommand.SAVED_STATISTICS,
              calibrations.statistics(result, request.calibration()).content());
    }
  }

  /** Reads what a report needs of the modules, if one is wanted, before they may be packed. */
  Map<String, ModuleReading> read(RunResult result) {
    // In place, the weights that were taken out are gone.
    return files.report() == null || request.output().equals(model.path())
        ? Map.of()
        : ModuleReading.of(request.output(), request.rules(), result.modules(), backend);
  }

  /** Writes the report of a run that has just ended. */
  void writeReport(
      RunResult result,
      Map<String, ModuleReading> readings,
      Optional<Perplexities> perplexities,
      MemoryWatch memory) {
    Map<String, Object> peaks = new LinkedHashMap<>();
    memory.addTo(peaks);
    write(new PruneReport(facts(result), request, result, readings, perplexities, peaks));
  }

  /**
   * Writes the report of a run that had ended before, from what its files still say.
   *
   * @param finished its record
   * @param chosen its modules
   */
  void writeReportAfterwards(
      RunResult finished, List<LinearModule> chosen, Optional<Perplexities> perplexities) {
    if (files.report() == null) {
      return;
    }
    if (request.packed() || request.output().equals(model.path())) {
      output.say(
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
    Map<String, ModuleReading> readings =
        ModuleReading.of(request.output(), rules, modules, backend);
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
            request.with(rules, request.allocation()),
            result,
            readings,
            perplexities,
            Map.of()));
  }

  /** Returns a module's norms, if a file has them. */
  private float[] norms(LinearModule module, PruningRules rules) {
    return request.calibration() instanceof Calibration.FromStatistics source
            && rules.of(module).needsNorms()
        ? source.statistics().norms().get(module.name())
        : null;
  }

  private void write(PruneReport report) {
    if (files.report() != null) {
      files.results().write(PruneCommand.REPORT, report.content(files.report()));
    }
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
    calibrations.addFacts(inputs, request.calibration());
    if (evaluation.given()) {
      inputs.put("text", evaluation.facts());
    }
    return WandaCuda.facts(model, backend, output, inputs);
  }
}
