package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.CalibrationOptions;
import io.github.wandacuda.cli.option.ClusterOption;
import io.github.wandacuda.cli.option.EvaluateOption;
import io.github.wandacuda.cli.option.MaskOptions;
import io.github.wandacuda.cli.option.MethodOptions;
import io.github.wandacuda.cli.option.ModuleOptions;
import io.github.wandacuda.cli.option.OverwriteOption;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.cli.option.StructureOptions;
import io.github.wandacuda.cli.option.TargetOptions;
import io.github.wandacuda.cli.option.TextModelOption;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.report.ReportFormat;
import io.github.wandacuda.system.OnFailure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Sets the least important weights of a model to zero, or removes whole parts: the main job. */
@Command(
    name = "prune",
    description = "Prunes a model: a Hugging Face directory or a GGUF file in, a pruned one out.",
    footer = {
      "  # Half of the weights of each row, by a text that runs through the model",
      "  wanda-cuda prune --model org/model --calibration c4.json.gz --output pruned",
      "  # 2 of every 4 weights, by what calibrate wrote; perplexity before and after",
      "  wanda-cuda prune --model org/model --statistics norms.safetensors \\",
      "      --pattern 2:4 --output pruned --evaluate wiki.parquet",
      "  # What would it take? Nothing is written",
      "  wanda-cuda prune --model org/model --calibration c4.json.gz \\",
      "      --output pruned --dry-run"
    })
final class PruneCommand extends Subcommand {
  static final String SAVED_STATISTICS = "--save-statistics";
  static final String REPORT = "--report";

  @Mixin private TextModelOption model;
  @Mixin TargetOptions target;

  @Option(
      names = "--dry-run",
      description =
          "Check everything and print the plan, with bytes, memory and time; write nothing.")
  boolean dryRun;

  @Option(
      names = SAVED_STATISTICS,
      paramLabel = "FILE",
      description = "Also write the norms that this run used.")
  Path savedStatistics;

  @Option(
      names = REPORT,
      paramLabel = "FILE",
      description =
          "Write a report of what it did to the model, as .json or .html; with --resume also of a"
              + " run that has ended.")
  Path report;

  @Mixin private OverwriteOption overwrite;
  @Mixin MethodOptions methods;
  @Mixin StructureOptions structures;
  @Mixin MaskOptions maskFiles;
  @Mixin CalibrationOptions calibrations;
  @Mixin EvaluateOption evaluation;
  @Mixin ModuleOptions modules;
  @Mixin BackendOptions backends;
  @Mixin ClusterOption cluster;

  @Override
  public void run() {
    backends.check();
    structures.check(output);
    if (report != null) {
      ReportFormat.requireName(report);
    }
    if (structures.given()) {
      Sparsity.Ratio share = (Sparsity.Ratio) methods.partRules().common().sparsity();
      removeParts(structures.request(share, methods.partUpdate(), methods.requantize()));
      return;
    }
    PruningPlan plan = methods.plan();
    StructureOptions.checkRecipe(plan, output);
    if (plan.removal().isPresent() && plan.rules().stages().isEmpty()) {
      removeParts(plan.removal().get());
    } else {
      pruneWeights(plan);
    }
  }

  /** Prunes weights; a recipe may have parts removed before. */
  private void pruneWeights(PruningPlan plan) {
    PruningRules rules = plan.rules();
    boolean sampled = rules.needNorms() || plan.removal().isPresent();
    check(rules, sampled);
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory directory =
            target.inPlace() ? model.openAnyway(output) : model.open(output)) {
      directory.requireUnpacked("prune");
      requireForm(directory, plan);
      if (directory.isGguf()) {
        output.warnIfGiven("a run that writes GGUF saves no hidden states", "--checkpoint-every");
      }
      Path place = target.inPlace() ? directory.path() : target.output();
      if (plan.removal().isEmpty()) {
        check(directory, place, rules);
      }
      try (ResultFiles results = results(directory, place, sampled)) {
        evaluation.prepare(directory, output);
        Calibration calibration =
            sampled
                ? calibrations.load(directory, backends, dryRun, output)
                : new Calibration.None();
        CalibrationOptions.save(results, calibration);
        PruneInputs inputs = new PruneInputs(directory, place, calibration, results, memory);
        if (plan.removal().isEmpty()) {
          new WeightsRun(this, inputs, directory, Optional.empty()).run();
        } else {
          pruneSmaller(plan.removal().get(), inputs);
        }
      }
    }
  }

  /** Checks that a run as asked for can write a model in the form of the source. */
  private void requireForm(ModelDirectory directory, PruningPlan plan) {
    if (target.inPlace()) {
      directory.requireDirectory("`in-place`");
    }
    if (target.part().isPresent()) {
      directory.requireDirectory("writing it in parts");
    }
    if (cluster.given()) {
      directory.requireDirectory("`cluster`");
    }
    if (target.packed()) {
      directory.requireDirectory("packing the output");
    }
    if (plan.removal().isPresent()) {
      directory.requireDirectory("pruning what is left of it");
    }
  }

  /** Removes parts, and prunes weights of what is left. */
  private void pruneSmaller(RemovalRequest removal, PruneInputs inputs) {
    Consumer<ModelDirectory> check =
        smaller -> check(smaller, inputs.place(), methods.plan().rules());
    BiConsumer<ModelDirectory, Optional<SmallerModel>> weights =
        (smaller, made) -> new WeightsRun(this, inputs, smaller, made).run();
    try (Backend backend = backends.choose().backend()) {
      StructureRun first =
          new StructureRun(this, inputs, removal, SmallerModel.place(inputs.place()), backend);
      if (dryRun) {
        first.planBefore(check, weights);
      } else {
        first.runBefore(check, weights);
      }
    }
  }

  /** Checks what can be checked without a model, and warns of what has no effect. */
  private void check(PruningRules rules, boolean sampled) {
    maskFiles.check(rules);
    calibrations.check(sampled, "method " + rules.label(), output);
    target.check(calibrations.fromSamples(rules), output);
    cluster.check(target.inPlace(), rules.needMasks());
    target.checkPart(calibrations.fromSamples(rules), rules.needMasks(), output);
    if (target.inPlace()) {
      methods.checkInPlace();
    }
    if (savedStatistics != null && !rules.needNorms()) {
      throw new UsageException(
          "--save-statistics: %s uses no norms that could be saved".formatted(rules.label()));
    }
    warnOfIdle(rules, sampled);
  }

  /** Checks what can be before norms are known. */
  private void check(ModelDirectory directory, Path place, PruningRules rules) {
    methods.plan().check(directory.choose(modules.choice()));
    if (!target.inPlace()) {
      List<LinearModule> chosen =
          PruneJob.check(directory, place, resumes(), modules.choice(), rules);
      if (rules.changeNothing(chosen)) {
        output.warn("%s of each row of the chosen modules is nothing".formatted(rules.amount()));
      }
    }
  }

  private void removeParts(RemovalRequest asked) {
    checkRemoval(methods.partRules());
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory directory = model.open(output)) {
      asked.check(directory);
      try (ResultFiles results = results(directory, target.output(), true)) {
        evaluation.prepare(directory, output);
        Calibration calibration = calibrations.load(directory, backends, dryRun, output);
        CalibrationOptions.save(results, calibration);
        PruneInputs inputs =
            new PruneInputs(directory, target.output(), calibration, results, memory);
        try (Backend backend = backends.open(output)) {
          new StructureRun(this, inputs, asked, target.output(), backend).run(dryRun);
        }
      }
    }
  }

  /** Checks what can be checked without a model where parts go, and warns of what has no effect. */
  private void checkRemoval(PruningRules rules) {
    calibrations.check(true, StructureOptions.STRUCTURE, output);
    target.check(calibrations.fromSamples(rules), output);
    calibrations.warnOfIdle(rules, true, output);
    output.warnIfGiven("a run that removes parts saves no hidden states", "--checkpoint-every");
    target.checkPart(calibrations.fromSamples(rules), false, output);
    cluster.check();
    if (cluster.given() && calibrations.fromSamples(rules)) {
      throw ErrorDetails.of(ClusterOption.NAME)
          .hint("'wanda-cuda calibrate' with --experts writes them")
          .refused("--statistics where parts are removed", "samples");
    }
    warnOfIdleOutput();
  }

  Map<String, List<Path>> files(boolean norms) {
    Map<String, List<Path>> files = new LinkedHashMap<>(methods.files());
    files.putAll(calibrations.files(norms));
    files.putAll(maskFiles.files());
    if (model.family() != null) {
      files.put(Provenance.FAMILY, List.of(model.family()));
    }
    return files;
  }

  /** Measures a model that the run will overwrite, if there is a text to do it by. */
  Optional<EvaluateOption.Measured> measured(
      ModelDirectory model, Backend backend, ResultFiles results) {
    return evaluation.given() && target.inPlace()
        ? Optional.of(measure(model, true, backend, results))
        : Optional.empty();
  }

  private EvaluateOption.Measured measure(
      ModelDirectory model, boolean before, Backend backend, ResultFiles results) {
    return evaluating(
        () -> evaluation.measure(model, before, results.writes(REPORT), backend, output));
  }

  /**
   * Measures what a run has written beside the model that it began with, if there is a text to do
   * it by.
   *
   * @param before what {@link #measured} says
   */
  Optional<Perplexities> compared(
      Optional<EvaluateOption.Measured> before,
      ModelDirectory dense,
      Path written,
      Backend backend,
      ResultFiles results) {
    if (!evaluation.given()) {
      return Optional.empty();
    }
    try (ModelDirectory pruned =
        ModelDirectory.open(written, dense.config().family()).withTokenizer(dense.tokenizer())) {
      Perplexities both =
          before.isPresent()
              ? evaluation.compared(before.get(), measure(pruned, false, backend, results), dense)
              : evaluating(
                  () -> evaluation.measure(dense, pruned, results.writes(REPORT), backend, output));
      evaluation.addToCard(both, dense, written);
      return Optional.of(both);
    }
  }

  boolean resumes() {
    return target.resume() || target.part().isPresent();
  }

  private void warnOfIdle(PruningRules rules, boolean norms) {
    methods.warnOfIdle(rules, output);
    calibrations.warnOfIdle(rules, norms, output);
    if (!calibrations.fromSamples(rules)) {
      output.warnIfGiven("only a calibrated run saves hidden states", "--checkpoint-every");
    }
    warnOfIdleOutput();
  }

  private void warnOfIdleOutput() {
    if (cluster.given()) {
      output.warnIfGiven("a cluster writes through the page cache", "--io");
    }
    if (target.resume() && !target.part().isPresent()) {
      output.warnIfGiven("what is resumed is always checked", "--no-verify");
    }
    if (report == null && savedStatistics == null && maskFiles.saved() == null) {
      output.warnIfGiven("no file but the output is written", "--overwrite");
    }
  }

  /** Checks the result files and, unless nothing will be written, reserves them. */
  private ResultFiles results(ModelDirectory directory, Path place, boolean norms) {
    // In place there is no --resume: the same command goes on by itself.
    boolean again = resumes() || target.inPlace();
    boolean begun =
        UnfinishedRun.isIn(place)
            || (again
                && (Files.exists(place.resolve(Provenance.FILE_NAME))
                    || Files.exists(SmallerModel.place(place))));
    ResultFiles results = new ResultFiles(directory.path(), place, overwrite.given(), begun);
    return OnFailure.close(
        results::close,
        () -> {
          calibrations.addTo(results, norms);
          evaluation.addTo(results);
          results.add(SAVED_STATISTICS, savedStatistics, Statistics::isOne);
          results.add(REPORT, report, ReportFormat::isOne);
          maskFiles.addTo(results);
          if (!dryRun && !target.part().isPresent()) {
            results.reserve();
          }
          return results;
        });
  }
}
