package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockChoice;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.job.StructureJob;
import io.github.wandacuda.job.StructureRequest;
import io.github.wandacuda.job.StructureRequest.Structure;
import io.github.wandacuda.model.BlockRemoval;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ExpertRemoval;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.system.MachineFacts;
import io.github.wandacuda.system.ThisRuntime;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A run of {@code prune} that removes whole parts of a model. */
record StructureRun(
    PruneCommand command,
    ModelDirectory model,
    Removal removal,
    int count,
    Calibration calibration,
    Map<String, List<Path>> files,
    Backend backend,
    ResultFiles results,
    MemoryWatch memory) {

  /**
   * The parts that go.
   *
   * @param removed their numbers, by block
   * @param statistics what their scores come from, if that can be saved
   */
  private record Choice(
      SortedMap<Integer, List<Integer>> removed, Optional<Statistics> statistics) {}

  void run(boolean dry) {
    boolean sampled = calibration instanceof Calibration.FromSamples;
    // No sample is run for a plan: experts are of one size, most blocks are.
    boolean known = !(dry && sampled);
    long start = System.nanoTime();
    Choice choice =
        switch (removal) {
          case ExpertRemoval experts -> choose(experts, known);
          case BlockRemoval blocks -> choose(blocks, known);
        };
    double calibrate = sampled && !dry ? (System.nanoTime() - start) / 1e9 : 0;
    Structure structure = command.structures.structure();
    StructureRequest request =
        new StructureRequest(
            command.target.output,
            structure,
            command.structures.score(),
            choice.removed(),
            calibration,
            files,
            command.structures.shardBytes(model),
            command.target.resume,
            !command.target.skipVerification,
            command.target.storage().io());
    StructureJob job = new StructureJob(request, removal.without(choice.removed()));
    Map<String, Object> object = new LinkedHashMap<>();
    if (dry) {
      object.put("dry_run", true);
    }
    object.put("output", request.output().toString());
    object.put("structure", structure.label());
    object.put("score", request.score());
    object.put("backend", backend.name());
    object.put("device", backend.device());
    object.put("precision", Precision.label(backend.precision()));
    if (known) {
      object.put("removed", structure.removed(choice.removed()));
    }
    object.put(structure.label() + "_before", removal.size());
    object.put(structure.label() + "_after", removal.size() - count);
    object.put("parameters_before", StructureJob.parameters(model.checkpoint()));
    object.put("parameters_after", job.parametersAfter());
    object.put("bytes_before", model.checkpoint().totalBytes());
    object.put("bytes_after", job.bytesAfter());
    if (dry) {
      job.requireRoom();
      command.output.result(
          object,
          () -> Stream.concat(text(object, "would have "), Stream.of("nothing was written")));
      return;
    }
    Optional<EvaluateOption.Measured> before =
        command.evaluation.given()
            ? command.evaluating(() -> Optional.of(measure(model, true)))
            : Optional.empty();
    boolean finished = job.isFinished();
    PhaseClock.Seconds seconds =
        job.run(
            backend.concurrency(),
            ThisRuntime.programVersion(),
            command.output.progress(),
            () ->
                choice
                    .statistics()
                    .ifPresent(
                        used -> results.write(PruneCommand.SAVED_STATISTICS, used.content())));
    Optional<Perplexities> perplexities =
        before.map(dense -> command.evaluating(() -> compared(dense)));
    perplexities.ifPresent(both -> object.put("perplexity", both.toJson()));
    object.put("seconds", command.around(seconds.calibrated(calibrate)).toJson());
    memory.addTo(object);
    String done = finished ? "finished before, nothing was done; " : "";
    command.output.written(
        object,
        () ->
            Stream.concat(
                text(object, done),
                perplexities.stream()
                    .map(
                        both ->
                            "  text        perplexity %.4f before, %.4f after"
                                .formatted(both.before(), both.after()))));
  }

  private EvaluateOption.Measured measure(ModelDirectory measured, boolean before) {
    return command.evaluation.measure(measured, before, false, backend, command.output);
  }

  private Perplexities compared(EvaluateOption.Measured before) {
    try (ModelDirectory smaller = ModelDirectory.open(command.target.output, model.family())) {
      return command.evaluation.compared(before, measure(smaller, false), model.path());
    }
  }

  private Choice choose(ExpertRemoval experts, boolean known) {
    Optional<Statistics> statistics = known ? Optional.of(statistics()) : Optional.empty();
    return new Choice(
        experts.lowest(
            count,
            router ->
                statistics
                    .map(all -> scores(all, router, experts.size()))
                    .orElse(new float[experts.size()])),
        statistics);
  }

  private Choice choose(BlockRemoval blocks, boolean known) {
    Collection<Integer> gone = IntStream.range(0, count).boxed().toList();
    if (known) {
      List<int[]> samples = ((Calibration.FromSamples) calibration).samples();
      long states = RunNeeds.stateBytes(model, samples);
      RunNeeds.requireMemory(model, samples, states);
      int together =
          (int) Math.clamp(MachineFacts.availableMemory() / 2 / states, 1, blocks.size());
      try (Decoder decoder = DecoderFamilies.open(model, backend.forwards(false))) {
        gone =
            new BlockChoice(
                    decoder,
                    backend.operations(),
                    samples,
                    blocks.period(),
                    together,
                    command.output.progress())
                .choose(
                    BlockScore.valueOf(command.structures.score().toUpperCase(Locale.ROOT)), count);
      }
    }
    SortedMap<Integer, List<Integer>> removed = new TreeMap<>();
    gone.forEach(block -> removed.put(block, List.of()));
    return new Choice(removed, Optional.empty());
  }

  /** Reads or computes the scores, and what comes with them. */
  private Statistics statistics() {
    if (calibration instanceof Calibration.FromStatistics read) {
      return read.statistics();
    }
    Calibration.FromSamples samples = (Calibration.FromSamples) calibration;
    RunNeeds.requireMemory(model, samples.samples(), 0);
    List<ExpertScore> wanted = new ArrayList<>(ExpertScore.CHEAP);
    if (score() == ExpertScore.DROP) {
      wanted.add(ExpertScore.DROP);
    }
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards(false))) {
      return DenseCalibration.run(
              decoder, backend.operations(), samples.samples(), wanted, command.output.progress())
          .joined(samples.joined());
    }
  }

  private ExpertScore score() {
    return ExpertScore.valueOf(command.structures.score().toUpperCase(Locale.ROOT));
  }

  private float[] scores(Statistics statistics, String router, int experts) {
    String tensor = score().tensor(router);
    float[] scores = statistics.experts().get(tensor);
    if (scores == null || scores.length != experts) {
      throw ErrorDetails.file(files.values().iterator().next().getFirst())
          .tensor(tensor)
          .hint("calibrate --experts writes all but drop, --save-statistics of prune that too")
          .wrong(
              "scores of %d experts".formatted(experts), scores == null ? "none" : scores.length);
    }
    return scores;
  }

  private Stream<String> text(Map<String, Object> object, String done) {
    return OutputOptions.lines(
        """
        %s: %s%d of %d %s, chosen by %s
          parameters  %d of %d
          bytes       %d of %d, %.1f %%\
        """,
        object.get("output"),
        done,
        removal.size() - count,
        removal.size(),
        object.get("structure"),
        object.get("score"),
        object.get("parameters_after"),
        object.get("parameters_before"),
        object.get("bytes_after"),
        object.get("bytes_before"),
        100.0 * (long) object.get("bytes_after") / (long) object.get("bytes_before"));
  }
}
