package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockChoice;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.job.StructureFit;
import io.github.wandacuda.job.StructureJob;
import io.github.wandacuda.job.StructureRequest;
import io.github.wandacuda.job.StructureRequest.Structure;
import io.github.wandacuda.job.StructureRequest.Update;
import io.github.wandacuda.model.BlockRemoval;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ExpertRemoval;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import io.github.wandacuda.model.WidthRemoval;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.system.MachineFacts;
import io.github.wandacuda.system.ThisRuntime;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** A run of {@code prune} that removes whole parts of a model. */
record StructureRun(
    PruneCommand command,
    ModelDirectory model,
    Removal removal,
    int count,
    Optional<Update> update,
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

  /** From so many samples on weights are fitted unless it is said otherwise. */
  private static final int SAMPLES_TO_FIT = 64;

  void run(boolean dry) {
    boolean sampled = calibration instanceof Calibration.FromSamples;
    Structure structure = command.structures.structure();
    Update fits = update(structure);
    // No sample is run for a plan: experts are of one size, and of blocks the smallest are taken.
    boolean known = !(dry && sampled);
    long start = System.nanoTime();
    Choice choice =
        switch (removal) {
          case ExpertRemoval experts -> choose(experts, known);
          case WidthRemoval width -> new Choice(firstOf(width), Optional.empty());
          case BlockRemoval blocks -> choose(blocks, known);
        };
    double calibrate = sampled && !dry ? (System.nanoTime() - start) / 1e9 : 0;
    StructureRequest request =
        new StructureRequest(
            command.target.output,
            structure,
            command.structures.score(),
            choice.removed(),
            fits,
            calibration,
            files,
            command.structures.shardBytes(model),
            command.target.resume,
            !command.target.skipVerification,
            command.target.storage().io());
    StructureJob job = new StructureJob(request, model, removal);
    Map<String, Object> object = new LinkedHashMap<>();
    if (dry) {
      object.put("dry_run", true);
    }
    object.put("output", request.output().toString());
    object.put("structure", structure.label());
    object.put("score", request.score());
    object.put("update", fits.label());
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
            backend,
            ThisRuntime.programVersion(),
            command.output.progress(),
            () ->
                choice
                    .statistics()
                    .ifPresent(
                        used -> results.write(PruneCommand.SAVED_STATISTICS, used.content())));
    object.put("removed", structure.removed(job.removed()));
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

  /** Returns how weights are fitted. */
  private Update update(Structure structure) {
    boolean wide = removal instanceof WidthRemoval;
    if (!(calibration instanceof Calibration.FromSamples samples)) {
      if (wide || update.orElse(Update.NONE) != Update.NONE) {
        throw new UsageException(
            "--structure %s: expected samples, which --calibration names, to %s"
                .formatted(structure.label(), wide ? "choose by" : "fit weights to"));
      }
      return Update.NONE;
    }
    if (!wide && update.orElse(null) == Update.RECONSTRUCT) {
      throw new UsageException(
          "--update: expected realign or none for %s, found reconstruct"
              .formatted(structure.label()));
    }
    boolean usual = update.isEmpty() && samples.samples().size() >= SAMPLES_TO_FIT;
    Update asked = update.orElse(usual ? Update.REALIGN : Update.NONE);
    Optional<InputException> problem =
        asked == Update.NONE ? Optional.empty() : StructureFit.problem(model, asked);
    if (problem.isPresent() && !usual) {
      throw problem.get();
    }
    problem.ifPresent(
        why -> command.output.detail("weights stay as they are: %s", why.getMessage()));
    return problem.isPresent() ? Update.NONE : asked;
  }

  /** Returns as many of each block as go, in the place of those that samples will tell. */
  private SortedMap<Integer, List<Integer>> firstOf(WidthRemoval width) {
    SortedMap<Integer, List<Integer>> first = new TreeMap<>();
    for (int block = 0; block < width.blocks(); block++) {
      first.put(block, IntStream.range(0, count).boxed().toList());
    }
    return first;
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
    int period = blocks.period();
    if (!known) {
      double[] bytes = LongStream.of(blocks.bytes()).asDoubleStream().toArray();
      return choice(
          BlockChoice.lowest(
              bytes.length, count, period, 0, left -> BlockChoice.sums(left, period, bytes)));
    }
    List<int[]> samples = ((Calibration.FromSamples) calibration).samples();
    long states = RunNeeds.stateBytes(model, samples);
    RunNeeds.requireMemory(model, samples, states);
    int together = (int) Math.clamp(MachineFacts.availableMemory() / 2 / states, 1, blocks.size());
    BlockScore score = BlockScore.valueOf(command.structures.score().toUpperCase(Locale.ROOT));
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards(false))) {
      return choice(
          new BlockChoice(decoder, backend.operations(), samples, period, command.output.progress())
              .choose(score, count, together));
    }
  }

  private static Choice choice(List<Integer> blocks) {
    SortedMap<Integer, List<Integer>> removed = new TreeMap<>();
    blocks.forEach(block -> removed.put(block, List.of()));
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
    Structure structure = command.structures.structure();
    return OutputOptions.lines(
        """
        %s: %s%d of %d %s, chosen by %s%s
          parameters  %d of %d
          bytes       %d of %d, %.1f %%\
        """,
        object.get("output"),
        done,
        removal.size() - count,
        removal.size(),
        structure.parts(),
        object.get("score"),
        object.get("update").equals(Update.NONE.label())
            ? ""
            : ", fitted by " + object.get("update"),
        object.get("parameters_after"),
        object.get("parameters_before"),
        object.get("bytes_after"),
        object.get("bytes_before"),
        100.0 * (long) object.get("bytes_after") / (long) object.get("bytes_before"));
  }
}
