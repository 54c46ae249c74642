package io.github.wandacuda.job.estimate;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.HalvesRun;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;

/**
 * A block in the middle of a model, through which samples run to estimate how long they take
 * through all blocks. Two amounts are measured: a few tokens, and a batch of samples or as many of
 * its tokens as a processor can multiply in a fraction of a second. They give the seconds of a
 * token, and the seconds that each batch takes however many tokens it has.
 */
public final class TimedBlock implements AutoCloseable {
  private static final int FEW_TOKENS = 32;

  /** The products that most processors compute in a fraction of a second. */
  private static final double PRODUCTS = 1e10;

  /** Products of a token in a block are about so many times the square of its width. */
  private static final double WIDTHS = 12;

  private final Stopwatch watch;
  private final Decoder decoder;
  private final int vocabulary;
  private final Block block;
  private final List<int[]> few;
  private final List<int[]> batch;

  /**
   * The tokens of a batch that isn't cut; {@code longer} is how many times the time of a measured
   * token one of its tokens takes, since its samples are longer.
   */
  private final double batchTokens;

  private final double longer;

  /**
   * Opens a block.
   *
   * @param backend runs the block; stays the caller's
   * @param all token ids, of which those with the most tokens of one length are run
   * @param number the block's; the last one if there are fewer
   * @param watch measures
   */
  public TimedBlock(
      ModelDirectory model, Backend backend, List<int[]> all, int number, Stopwatch watch) {
    this.watch = watch;
    vocabulary = DecoderFamilies.shape(model).vocabulary();
    decoder = DecoderFamilies.open(model, backend.operations());
    block =
        OnFailure.close(
            decoder::close, () -> decoder.block(Math.min(number, decoder.blocks() - 1)));
    List<int[]> samples =
        Collections.max(Perplexity.byLength(all), Comparator.comparingDouble(TimedBlock::tokens));
    int[] first = samples.getFirst();
    few = List.of(Arrays.copyOf(first, Math.min(FEW_TOKENS, first.length)));
    batch = batch(samples);
    double width = WIDTHS * decoder.hiddenSize();
    longer = (width + first.length) / (width + batch.getFirst().length);
    batchTokens = SampleBatch.size(samples, decoder.batchTokens()) * (double) first.length;
  }

  public static double tokens(List<int[]> sequences) {
    return sequences.stream().mapToLong(sequence -> sequence.length).sum();
  }

  /** Returns a batch, or as many tokens of a sample as can be run in the time. */
  private List<int[]> batch(List<int[]> samples) {
    int[] first = samples.getFirst();
    double tokens = PRODUCTS / (WIDTHS * decoder.hiddenSize() * decoder.hiddenSize());
    return tokens < Math.max(first.length, decoder.batchTokens())
        ? List.of(Arrays.copyOf(first, (int) Math.clamp(tokens, 1, first.length)))
        : samples.subList(0, SampleBatch.size(samples, decoder.batchTokens()));
  }

  /** Returns the block, which is closed with this. */
  public Block block() {
    return block;
  }

  /** Returns the seconds in which tokens pass all blocks. */
  public double advancing(double tokens) {
    return passing(tokens, run -> run.advance(block));
  }

  /** Returns the seconds in which tokens pass all blocks and each one's next token is predicted. */
  double predicting(double tokens) {
    return advancing(tokens)
        * (1 + vocabulary / (WIDTHS * decoder.hiddenSize() * decoder.blocks()));
  }

  /**
   * Returns the seconds in which the inputs of tokens are observed in all blocks. The tokens'
   * outputs are dropped.
   *
   * @param moments whether second moments are summed
   */
  double observing(double tokens, boolean moments) {
    return passing(
        tokens,
        run -> {
          try (Arena arena = Arena.ofShared()) {
            BlockStatistics unused = run.observe(block, moments ? arena : null);
          }
        });
  }

  /** Returns the seconds in which tokens pass all blocks while experts are scored. */
  public double scoring(double tokens, List<ExpertScore> wanted) {
    return passing(tokens, run -> DenseCalibration.score(run, block, wanted));
  }

  private double passing(double tokens, Consumer<BlockwiseRun> pass) {
    try (BlockwiseRun little = new BlockwiseRun(decoder, few);
        BlockwiseRun much = new BlockwiseRun(decoder, batch)) {
      return seconds(tokens, () -> pass.accept(little), () -> pass.accept(much));
    }
  }

  /** Returns the seconds of work that goes through the block's halves, for all blocks. */
  public double byHalves(double tokens, Consumer<HalvesRun> work) {
    SampleProgress none = new SampleProgress(Progress.NONE, 1, 1);
    try (HalvesRun little = new HalvesRun(decoder, few, 0, none);
        HalvesRun much = new HalvesRun(decoder, batch, 0, none)) {
      return seconds(tokens, () -> work.accept(little), () -> work.accept(much));
    }
  }

  private double seconds(double tokens, Runnable little, Runnable much) {
    double some = tokens(few);
    double many = tokens(batch);
    double least = watch.seconds(little, decoder.blocks() * tokens / some);
    double most = watch.seconds(much, decoder.blocks() * tokens / many);
    double each = many > some ? Math.max(0, most - least) / (many - some) : most / many;
    double ofBatch = Math.max(0, most - each * many);
    return decoder.blocks() * (longer * each * tokens + ofBatch * Math.ceil(tokens / batchTokens));
  }

  /**
   * Observes the batch's tokens.
   *
   * @param arena holds the second moments
   * @return what the block's modules read
   */
  BlockStatistics observe(boolean moments, Arena arena) {
    try (BlockwiseRun run = new BlockwiseRun(decoder, batch)) {
      return run.observe(block, moments ? arena : null);
    }
  }

  @Override
  public void close() {
    block.close();
    decoder.close();
  }
}
