package io.github.wandacuda.job.structure;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.HalvesRun;
import io.github.wandacuda.calibration.HiddenStates;
import io.github.wandacuda.calibration.OutputMoments;
import io.github.wandacuda.job.estimate.RunEstimate;
import io.github.wandacuda.job.estimate.Stopwatch;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.estimate.TimedBlock;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.Removal;
import io.github.wandacuda.pruning.fit.OutputFit;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.system.LittleEndian;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import java.util.stream.IntStream;

/**
 * Estimates the time of removing parts of a model: samples run through one block as they do to
 * score the parts and to fit what is left, and a corner of each output projection is fitted, whose
 * time grows with the cube of its width. What several mixes of a search have in common is measured
 * once.
 */
final class StructureEstimate {
  /** Columns and rows of a module that are fitted, so few that they take a part of a second. */
  private static final int WIDTH = 768;

  /** Output projections of a half that are measured; experts are many and alike. */
  private static final int OUTPUTS = 2;

  private final ModelDirectory model;
  private final Backend backend;
  private final RemovalRequest asked;
  private final RemovedParts removed;
  private final List<StructureSearch.Trial> trials;
  private final Update update;
  private final Calibration calibration;
  private final Stopwatch watch;

  /** Seconds of all tokens, or of a block's fits, by what was measured. */
  private final Map<List<?>, Double> measured = new HashMap<>();

  /**
   * Prepares an estimate.
   *
   * @param removed what goes, or as much; of a search the first of its mixes
   * @param trials the mixes that a search tries, else none
   */
  StructureEstimate(
      ModelDirectory model,
      Backend backend,
      RemovalRequest asked,
      RemovedParts removed,
      List<StructureSearch.Trial> trials,
      Update update,
      Calibration calibration,
      Stopwatch watch) {
    this.model = model;
    this.backend = backend;
    this.asked = asked;
    this.removed = removed;
    this.trials = trials;
    this.update = update;
    this.calibration = calibration;
    this.watch = watch;
  }

  private double once(List<?> what, DoubleSupplier measure) {
    Double known = measured.get(what);
    if (known == null) {
      known = measure.getAsDouble();
      measured.put(what, known);
    }
    return known;
  }

  /** Estimates the run, which reads and writes so many bytes, and windows around it. */
  TimeEstimate of(StructureNeeds needs, List<int[]> evaluated) {
    TimeEstimate work =
        calibration instanceof Calibration.FromSamples samples
            ? TimeEstimate.ofWork(ofSamples(samples.samples()))
            : TimeEstimate.ofWork(0);
    return work.plus(RunEstimate.evaluation(model, backend, evaluated, watch))
        .plus(RunEstimate.files(model, needs.readBytes() + needs.writeBytes()))
        .plus(RunEstimate.around(watch));
  }

  private double ofSamples(List<int[]> samples) {
    double tokens = TimedBlock.tokens(samples);
    int middle = DecoderFamilies.shape(model).blocks() / 2;
    try (TimedBlock block = new TimedBlock(model, backend, samples, middle, watch)) {
      if (trials.isEmpty()) {
        return choosing(block, tokens, removed, asked.parts().score())
            + fitting(block, tokens, removed);
      }
      double used =
          tokens * (samples.size() - StructureSearch.held(samples.size())) / samples.size();
      RemovedParts most = most();
      double seconds = choosing(block, used, most, BlockScore.LOSS.label());
      for (StructureSearch.Trial trial : trials) {
        seconds += fitting(block, tokens, trial.removed());
      }
      // The best is removed once more, with all samples.
      return seconds + fitting(block, tokens, most);
    }
  }

  /** Returns the mix with the most blocks: those of the others are the first of its. */
  private RemovedParts most() {
    return trials.stream()
        .map(StructureSearch.Trial::removed)
        .max((one, other) -> one.count(Structure.BLOCKS) - other.count(Structure.BLOCKS))
        .orElseThrow();
  }

  /** Returns the seconds in which experts and blocks are scored. */
  private double choosing(TimedBlock block, double tokens, RemovedParts parts, String score) {
    double seconds = 0;
    if (!parts.of(Structure.EXPERTS).isEmpty()) {
      seconds += block.scoring(tokens, StructureChoice.wanted(score));
    }
    int gone = parts.count(Structure.BLOCKS);
    if (gone > 0) {
      seconds +=
          StructureChoice.passes(Structure.BLOCKS.find(model), gone, score)
              * block.advancing(tokens);
    }
    return seconds;
  }

  /** Returns the seconds in which what is left passes samples, is chosen and fitted. */
  private double fitting(TimedBlock block, double tokens, RemovedParts parts) {
    if (!StructureFit.isNeeded(parts, update)) {
      return 0;
    }
    int blocks = DecoderFamilies.shape(model).blocks();
    double left = (double) parts.left(blocks).size() / blocks;
    double advancing =
        once(List.of("advance"), () -> block.byHalves(tokens, run -> advance(run, block.block())));
    double seconds = (update == Update.REALIGN ? 1 + left : left) * advancing;
    for (Half half : Half.values()) {
      Structure wanted = half == Half.MLP ? Structure.CHANNELS : Structure.HEADS;
      if (update == Update.REALIGN || parts.kinds().containsKey(wanted)) {
        seconds +=
            left * once(List.of("observe", half), () -> observing(block, tokens, half))
                + left * blocks * fits(block, half, wanted, parts);
      }
    }
    return seconds;
  }

  private static void advance(HalvesRun run, Block block) {
    for (Half half : Half.values()) {
      run.advance(block, half);
    }
  }

  /** Returns the seconds in which a half's second moments are summed in all blocks. */
  private double observing(TimedBlock timed, double tokens, Half half) {
    List<String> outputs = timed.block().outputs(half);
    List<String> some = outputs.subList(0, Math.min(OUTPUTS, outputs.size()));
    double each = timed.byHalves(tokens, run -> observe(run, timed.block(), half, some));
    return each * outputs.size() / some.size();
  }

  private void observe(HalvesRun run, Block block, Half half, List<String> outputs) {
    boolean realigns = update == Update.REALIGN;
    try (HiddenStates missing = realigns ? run.missing(block, half, run) : null) {
      for (String name : outputs) {
        try (Arena memory = Arena.ofShared()) {
          OutputMoments unused = run.moments(block, half, name, missing, memory);
          if (missing != null && block.outputs(half).size() > 1) {
            LinearModule module = module(name);
            WeightMatrix none = OutputFit.empty(DType.F32, module.rows(), module.columns(), memory);
            run.take(block, half, name, missing, none);
          }
        }
      }
    }
  }

  /** Returns the seconds in which the output projections of a half of one block are fitted. */
  private double fits(TimedBlock timed, Half half, Structure wanted, RemovedParts parts) {
    int gone = parts.count(wanted);
    return timed.block().outputs(half).stream()
        .map(this::module)
        .mapToDouble(
            module ->
                once(
                    List.of(wanted, gone, module.rows(), module.columns()),
                    () -> fit(module, wanted, parts)))
        .sum();
  }

  /** Fits a corner of a module, by inputs that have nothing to do with each other. */
  private double fit(LinearModule module, Structure wanted, RemovedParts parts) {
    boolean narrows = parts.kinds().containsKey(wanted);
    Removal all = narrows ? wanted.find(model) : null;
    int step = narrows ? all.step() : 1;
    int width = narrows ? module.columns() / all.size() * step : 1;
    int groups = Math.max(1, Math.min(module.columns(), WIDTH) / width);
    int columns = groups * width;
    int rows = Math.min(module.rows(), WIDTH);
    double wider = (double) module.columns() / columns;
    int gone = Math.min(groups - 1, (int) Math.round(parts.count(wanted) / step / wider));
    boolean realigns = update == Update.REALIGN;
    try (Workers workers = new Workers(backend.concurrency());
        Arena arena = Arena.ofShared()) {
      WeightMatrix weights = OutputFit.empty(DType.F32, rows, columns, arena);
      for (int at = 0; at < rows * columns; at++) {
        weights.set(at / columns, at % columns, 1f / (1 + at % rows));
      }
      OutputMoments moments = uncorrelated(columns, realigns ? rows : 0, arena);
      Runnable work =
          () -> {
            try (Arena memory = Arena.ofShared()) {
              OutputFit fit =
                  new OutputFit(backend.operations(), workers, memory, weights, moments);
              if (narrows) {
                Optional<List<Integer>> unused =
                    fit.lowest(asked.columnScore(), width, gone, realigns);
              }
              if (update != Update.NONE) {
                int kept = columns - (narrows ? gone * width : 0);
                Optional<WeightMatrix> unused =
                    fit.fitted(IntStream.range(0, kept).boxed().toList(), realigns);
              }
            }
          };
      int blocks = DecoderFamilies.shape(model).blocks();
      double cube = wider * wider * Math.max(wider, (double) module.rows() / rows);
      return cube * watch.seconds(work, blocks * cube);
    }
  }

  private static OutputMoments uncorrelated(int inputs, int missing, Arena arena) {
    int width = inputs + 1 + missing;
    Gram gram = new Gram(width, arena.allocate(Gram.elements(width) * Float.BYTES, Long.BYTES));
    for (int at = 0; at < width; at++) {
      gram.triangle().setAtIndex(LittleEndian.FLOAT, Gram.rowStart(width, at), 1);
    }
    return new OutputMoments(inputs, gram);
  }

  private LinearModule module(String name) {
    return model.modules().stream()
        .filter(module -> module.name().equals(name))
        .findFirst()
        .orElseThrow();
  }
}
