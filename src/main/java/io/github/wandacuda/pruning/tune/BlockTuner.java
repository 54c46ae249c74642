package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.HalfSamples;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.HalfParts;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.tune.GradientFit.Losses;
import io.github.wandacuda.pruning.tune.HalfGradient.Layer;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;

/**
 * Fits the kept weights of a pruned block by gradients: those of its attention to what the dense
 * model's states gain behind theirs, then those of its MLP behind the fitted attention. Both are
 * fitted to the dense model's own states, so that a block also makes up for what the blocks before
 * it have lost. Pruned weights stay zero.
 *
 * <p>A half that isn't attention with a softmax or a dense MLP, or has a norm behind it, keeps the
 * weights that it has, and so does one whose fit doesn't help on samples that are held out.
 *
 * @param operations run the samples
 * @param workers compute what isn't an operation; results are the same for any number of them
 * @param modules all linear modules of the model, by their names
 * @param seed with which the samples of steps are drawn, beside the block's number
 * @param together how many tokens run at once, unless one sample has more
 */
public record BlockTuner(
    Operations operations,
    WorkerPool workers,
    Map<String, LinearModule> modules,
    long seed,
    int together) {
  /** With fewer tokens a fit would be one to what these happen to be. */
  public static final long FEWEST_TOKENS = 16 * 256;

  /** With fewer samples none would be left to tell whether a fit helps. */
  public static final int FEWEST_SAMPLES = 8;

  /** Samples are drawn from a generator for each half of each block, so that a run can go on. */
  private static final int HALVES = Half.values().length;

  private static final long ALIGNMENT = 64;

  /**
   * What became of a half.
   *
   * @param before the loss on samples that were held out, before the fit: the mean squared
   *     difference between the half's output and what it is to put out, divided by the mean square
   *     of the latter
   * @param after the loss behind the fit
   * @param kept whether the fitted weights are kept
   */
  public record Outcome(int block, Half half, double before, double after, boolean kept) {}

  /**
   * Returns the bytes of memory that fitting a half takes, beside the samples' states: 16 for each
   * weight of all its linear modules, 12 more for each of the largest one, which is turned and
   * multiplied at a time, and some rows of activations.
   *
   * @param modules the half's
   * @param together as of this record
   * @param sequenceLength of the samples
   */
  public static long bytes(List<LinearModule> modules, int together, int sequenceLength) {
    long weights = modules.stream().mapToLong(LinearModule::elements).sum();
    long largest = modules.stream().mapToLong(LinearModule::elements).max().orElse(0);
    long widths = modules.stream().mapToLong(m -> m.rows() + 2L * m.columns()).sum();
    long tokens = (long) sequences(together, sequenceLength) * sequenceLength;
    return Float.BYTES * (4 * weights + 3 * largest + 2 * tokens * widths);
  }

  /** Returns how many samples run at once. */
  private static int sequences(int together, int sequenceLength) {
    return Math.clamp(together / sequenceLength, 1, GradientFit.BATCH);
  }

  /**
   * Returns how many times the samples pass a block in a fit, forward passes that is, of which a
   * backward one takes two.
   *
   * @param samples how many there are
   */
  public static double passes(int samples) {
    double steps = 3.0 * GradientFit.STEPS * GradientFit.BATCH / samples;
    return steps + HALVES;
  }

  /**
   * Fits a block.
   *
   * @param index its number
   * @param block with its pruned weights; receives the fitted ones
   * @param samples before the block, aligned to the dense model's, which are behind it and kept
   *     their middle
   * @param tuned the modules whose kept weights are fitted, with the memory that holds them, which
   *     receives the fitted ones
   * @param progress told of the steps
   * @return what became of each half that could be fitted
   */
  public List<Outcome> tune(
      int index, Block block, BlockwiseRun samples, List<ModuleRequest> tuned, Progress progress) {
    Map<String, ModuleRequest> byName =
        tuned.stream().collect(Collectors.toMap(r -> r.module().name(), Function.identity()));
    List<Outcome> outcomes = new ArrayList<>();
    for (Half half : Half.values()) {
      Optional<HalfParts> parts = block.parts(half).filter(HalfGradient::knows);
      boolean any =
          parts.stream()
              .flatMap(found -> found.linears().stream())
              .anyMatch(linear -> byName.containsKey(linear.module()));
      if (any) {
        int done = half.ordinal() * GradientFit.STEPS;
        try (HalfSamples read = samples.half(block, half)) {
          outcomes.add(
              new Tuning(index, block, half, parts.get(), read, byName)
                  .run(
                      step -> {
                        int all = HALVES * GradientFit.STEPS;
                        progress.step("step", done + step, all);
                      }));
        }
      }
    }
    return outcomes;
  }

  /** One half of a block while it is fitted. */
  private final class Tuning {
    private final int index;
    private final Block block;
    private final Half half;
    private final HalfParts parts;
    private final HalfSamples samples;
    private final Map<String, ModuleRequest> requests;

    Tuning(
        int index,
        Block block,
        Half half,
        HalfParts parts,
        HalfSamples samples,
        Map<String, ModuleRequest> requests) {
      this.index = index;
      this.block = block;
      this.half = half;
      this.parts = parts;
      this.samples = samples;
      this.requests = requests;
    }

    Outcome run(IntConsumer passed) {
      List<Layer> layers = new ArrayList<>();
      int sequences = sequences(together, samples.sequenceLength());
      Products products = new Products(operations, workers);
      try {
        parts.linears().forEach(linear -> layers.add(new Layer(linear, copied(linear.module()))));
        List<TunedWeight> fitted =
            layers.stream().map(Layer::weight).filter(TunedWeight::isTuned).toList();
        int length = samples.sequenceLength();
        try (HalfGradient gradient =
            HalfGradient.of(parts, layers, products, sequences * length, length)) {
          Random random = new Random(seed * 31 + (long) index * HALVES + half.ordinal());
          Losses losses =
              new GradientFit(gradient, fitted, samples, sequences, products).run(random, passed);
          boolean kept = losses.areBetter() && layers.stream().allMatch(this::isFinite);
          if (kept) {
            layers.stream().filter(layer -> layer.weight().isTuned()).forEach(this::install);
          }
          return new Outcome(index, half, losses.before(), losses.after(), kept);
        }
      } finally {
        layers.forEach(layer -> layer.weight().close());
      }
    }

    private TunedWeight copied(String name) {
      ModuleRequest request = requests.get(name);
      if (request != null) {
        return new TunedWeight(request.module().rows(request.held().bytes()), true, operations);
      }
      LinearModule module = modules.get(name);
      try (Arena arena = Arena.ofShared()) {
        return new TunedWeight(source(module, arena), false, operations);
      }
    }

    private RowReader source(LinearModule module, Arena arena) {
      Optional<MemorySegment> own = block.bytes(module.name());
      if (own.isPresent()) {
        return module.rows(own.get());
      }
      MemorySegment bytes = arena.allocate(module.tensor().bytes(), ALIGNMENT);
      module.shard().read(module.tensor(), 0, bytes);
      return module.rows(bytes);
    }

    /** Returns whether the module's type has room for all fitted weights. */
    private boolean isFinite(Layer layer) {
      DType type = type(layer);
      WeightMatrix weights = layer.weight().weights();
      float[] row = new float[weights.columns()];
      for (int at = 0; layer.weight().isTuned() && at < weights.rows(); at++) {
        weights.read(at, 0, row.length, row, 0);
        for (float value : row) {
          if (!Float.isFinite(type.rounded(value))) {
            return false;
          }
        }
      }
      return true;
    }

    private DType type(Layer layer) {
      return modules.get(layer.of().module()).tensor().type().orElse(DType.F32);
    }

    /**
     * Rounds the fitted weights to the module's type or codes, and gives the block the result. A
     * kept weight that would be rounded to 0 stays as it was, since what is zero counts as pruned.
     */
    private void install(Layer layer) {
      ModuleRequest request = requests.get(layer.of().module());
      RowReader stored = request.module().rows(request.held().bytes());
      WeightMatrix weights = layer.weight().weights();
      workers.run(
          stored.rows(),
          (worker, row) -> {
            float[] values = new float[stored.columns()];
            weights.read(row, 0, values.length, values, 0);
            for (int column = 0; column < values.length; column++) {
              put(request.module(), stored, row, column, values[column]);
            }
          });
      request.keepIn(block);
    }

    private static void put(
        LinearModule module, RowReader stored, int row, int column, float value) {
      switch (stored) {
        case WeightMatrix plain -> {
          if (plain.dtype().rounded(value) != 0) {
            plain.set(row, column, value);
          }
        }
        case QuantizedMatrix codes -> {
          if (module.quantized().rounded(row, column, value) != 0) {
            codes.codes().set(row, column, codes.nearest(row, column, value));
          }
        }
      }
    }
  }
}
