package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/**
 * Estimates the time of running samples through a decoder by running a batch through one block, or
 * the first tokens of a sample where a batch takes long.
 */
final class BlockEstimate implements AutoCloseable {
  private static final int FEW_TOKENS = 32;

  /** Products that are done in a fraction of a second by most processors. */
  private static final double PRODUCTS = 1e10;

  /** Products of a token in a block are about so many times the square of its width. */
  private static final double WIDTHS = 12;

  private final Stopwatch watch;
  private final int vocabulary;
  private final Decoder decoder;
  private Block block;

  /** A few tokens, until the code is compiled. */
  private BlockwiseRun little;

  private BlockwiseRun run;

  /** What the seconds of the run are multiplied by for those of a token in all blocks. */
  private double perToken;

  /** How many times as much as the run all tokens are. */
  private double times;

  private double timesLittle;

  /**
   * Prepares measurements for so many tokens that pass all blocks, which the middle one stands for.
   */
  BlockEstimate(
      ModelDirectory model,
      Backend backend,
      List<int[]> all,
      double tokens,
      int middle,
      Stopwatch watch) {
    this.watch = watch;
    vocabulary = DecoderFamilies.shape(model).vocabulary();
    decoder = DecoderFamilies.open(model, backend.operations());
    try {
      block = decoder.block(Math.min(middle, decoder.blocks() - 1));
      List<int[]> samples =
          Collections.max(
              Perplexity.byLength(all), Comparator.comparingDouble(BlockEstimate::tokens));
      int[] first = samples.get(0);
      int[] few = Arrays.copyOf(first, Math.min(FEW_TOKENS, first.length));
      little = new BlockwiseRun(decoder, List.of(few));
      List<int[]> batch = batch(samples);
      run = new BlockwiseRun(decoder, batch);
      int length = batch.get(0).length;
      double width = WIDTHS * decoder.hiddenSize();
      perToken =
          decoder.blocks()
              * (width + first.length)
              / (width + length)
              / ((double) batch.size() * length);
      times = tokens * perToken;
      timesLittle = tokens * decoder.blocks() / FEW_TOKENS;
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  static double tokens(List<int[]> sequences) {
    return sequences.stream().mapToLong(sequence -> sequence.length).sum();
  }

  /** Returns a batch, or as many tokens of a sample as there is time for. */
  private List<int[]> batch(List<int[]> samples) {
    int[] first = samples.get(0);
    double tokens = PRODUCTS / (WIDTHS * decoder.hiddenSize() * decoder.hiddenSize());
    return tokens < Math.max(first.length, decoder.batchTokens())
        ? List.of(Arrays.copyOf(first, (int) Math.clamp(tokens, 1, first.length)))
        : samples.subList(0, SampleBatch.size(samples, decoder.batchTokens()));
  }

  /** Returns the seconds in which a token's inputs are observed in all blocks. */
  double observing(boolean moments) {
    watch.compile(() -> observe(little, moments), timesLittle);
    return perToken * watch.seconds(() -> observe(run, moments), times);
  }

  private void observe(BlockwiseRun tokens, boolean moments) {
    try (Arena arena = Arena.ofShared()) {
      BlockStatistics unused = tokens.observe(block, moments ? arena : null);
    }
  }

  /** Returns the seconds in which a token passes all blocks. */
  double advancing() {
    watch.compile(() -> little.advance(block), timesLittle);
    return perToken * watch.seconds(() -> run.advance(block), times);
  }

  /** Returns how many times as long as a pass it takes to predict the next token too. */
  double predicting() {
    return 1 + vocabulary / (WIDTHS * decoder.hiddenSize() * decoder.blocks());
  }

  BlockStatistics observe(boolean moments, Arena arena) {
    return run.observe(block, moments ? arena : null);
  }

  @Override
  public void close() {
    if (run != null) {
      run.close();
    }
    if (little != null) {
      little.close();
    }
    if (block != null) {
      block.close();
    }
    decoder.close();
  }
}
