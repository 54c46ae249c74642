package io.github.wandacuda.job.structure;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockChoice;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.BlockRemoval;
import io.github.wandacuda.model.removal.ExpertRemoval;
import io.github.wandacuda.model.removal.Removal;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.system.Labelled;
import io.github.wandacuda.system.MachineFacts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * The choice of the parts of a model that go, as far as it is made before they are removed: of
 * experts and blocks which, of channels and heads how many.
 *
 * @param known whether samples run; else parts are taken that a plan's sizes are right for
 */
public record StructureChoice(
    ModelDirectory model,
    Backend backend,
    Calibration calibration,
    boolean known,
    Progress progress) {
  /**
   * The parts that go.
   *
   * @param statistics what their scores come from, if that can be saved
   * @param scores by block, a curve for each name; of channels and heads none
   * @param trials what was tried, the best first
   */
  public record Chosen(
      RemovedParts removed,
      Optional<Statistics> statistics,
      Map<String, SortedMap<Integer, Double>> scores,
      List<StructureSearch.Trial> trials) {
    static Chosen of(RemovedParts removed, List<StructureSearch.Trial> trials) {
      return new Chosen(removed, Optional.empty(), Map.of(), trials);
    }
  }

  /** Chooses so many parts of one kind, of the model or of each layer that has them. */
  public Chosen choose(Structure kind, Removal removal, int count, String score) {
    return switch (removal) {
      case ExpertRemoval experts ->
          experts(experts, count, Labelled.of(score, List.of(ExpertScore.values()), "score"));
      case BlockRemoval blocks -> {
        BlockScore by = Labelled.of(score, List.of(BlockScore.values()), "score");
        BlockChoice.Chosen chosen = blocks(blocks, count, by);
        yield new Chosen(
            RemovedParts.of(kind, RemovedParts.blocks(chosen.blocks())),
            Optional.empty(),
            Map.of("without blocks from here on", chosen.scores()),
            List.of());
      }
      default ->
          Chosen.of(
              RemovedParts.of(kind, new TreeMap<>())
                  .withFirst(kind, DecoderFamilies.shape(model).blocks(), count),
              List.of());
    };
  }

  /** Returns a choice of experts by scores that are computed now, so that it can be made again. */
  StructureChoice scored() {
    return known && calibration instanceof Calibration.FromSamples
        ? new StructureChoice(
            model,
            backend,
            new Calibration.FromStatistics(model.path(), statistics(ExpertScore.REAP), () -> ""),
            true,
            progress)
        : this;
  }

  private Chosen experts(ExpertRemoval experts, int count, ExpertScore score) {
    Optional<Statistics> statistics = known ? Optional.of(statistics(score)) : Optional.empty();
    return new Chosen(
        RemovedParts.of(
            Structure.EXPERTS,
            experts.lowest(
                count,
                router ->
                    statistics
                        .map(all -> scores(all, router, experts.size(), score))
                        .orElse(new float[experts.size()]))),
        statistics,
        statistics.map(all -> curves(all, score)).orElse(Map.of()),
        List.of());
  }

  /** Returns the largest, the median and the least score of each block's experts. */
  private static Map<String, SortedMap<Integer, Double>> curves(
      Statistics statistics, ExpertScore score) {
    Map<String, SortedMap<Integer, Double>> curves = new LinkedHashMap<>();
    List.of("largest", "median", "least").forEach(name -> curves.put(name, new TreeMap<>()));
    statistics
        .experts()
        .forEach(
            (tensor, scores) -> {
              if (tensor.endsWith(score.tensor(""))) {
                int block = LinearModules.block(tensor).orElseThrow();
                float[] sorted = scores.clone();
                Arrays.sort(sorted);
                curves.get("largest").put(block, (double) sorted[sorted.length - 1]);
                curves.get("median").put(block, (double) sorted[sorted.length / 2]);
                curves.get("least").put(block, (double) sorted[0]);
              }
            });
    return curves;
  }

  /** Reads or computes the scores, and what comes with them. */
  private Statistics statistics(ExpertScore score) {
    if (calibration instanceof Calibration.FromStatistics read) {
      return read.statistics();
    }
    Calibration.FromSamples samples = (Calibration.FromSamples) calibration;
    RunNeeds.requireMemory(model, samples.samples(), 0);
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards(false))) {
      return DenseCalibration.run(decoder, samples.samples(), wanted(score.label()), progress)
          .joined(samples.joined());
    }
  }

  /** Returns the scores that samples are run for where experts go by one: it and the cheap ones. */
  static List<ExpertScore> wanted(String score) {
    List<ExpertScore> wanted = new ArrayList<>(ExpertScore.CHEAP);
    if (score.equals(ExpertScore.DROP.label())) {
      wanted.add(ExpertScore.DROP);
    }
    return wanted;
  }

  private float[] scores(Statistics statistics, String router, int experts, ExpertScore score) {
    String tensor = score.tensor(router);
    float[] scores = statistics.experts().get(tensor);
    if (scores == null || scores.length != experts) {
      throw (calibration instanceof Calibration.FromStatistics read
              ? ErrorDetails.file(read.file())
              : ErrorDetails.NOWHERE)
          .tensor(tensor)
          .hint(
              "statistics of experts have all scores but drop; prune saves that too where it went by it")
          .wrong(
              "scores of %d experts".formatted(experts), scores == null ? "none" : scores.length);
    }
    return scores;
  }

  /**
   * Returns how often all samples pass all blocks of a model to choose its experts or blocks.
   *
   * @param count how many go
   */
  static double passes(Removal removal, int count, String score) {
    return removal instanceof BlockRemoval blocks && score.equals(BlockScore.LOSS.label())
        ? (double) BlockChoice.runs(blocks.size(), blocks.period(), count) / blocks.size()
        : 1;
  }

  /** Returns how many trials run side by side: half of the memory may hold their states. */
  static int together(long stateBytes, int blocks) {
    return (int)
        Math.clamp(MachineFacts.availableMemory() / 2 / Math.max(1, stateBytes), 1, blocks);
  }

  /** Chooses blocks, in the order in which they go. */
  BlockChoice.Chosen blocks(BlockRemoval blocks, int count, BlockScore score) {
    if (!known) {
      return new BlockChoice.Chosen(IntStream.range(0, count).boxed().toList(), new TreeMap<>());
    }
    List<int[]> samples = ((Calibration.FromSamples) calibration).samples();
    long states = RunNeeds.stateBytes(model, samples);
    RunNeeds.requireMemory(model, samples, states);
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards(false))) {
      return new BlockChoice(
              decoder, samples, blocks.period(), together(states, blocks.size()), progress)
          .choose(score, count);
    }
  }
}
