package io.github.wandacuda.calibrate;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.decoder.Block;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.decoder.InputObserver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Runs samples through a decoder one block at a time: all samples through the first block, then all
 * through the second. Memory holds one block and the samples' hidden states, whatever the model's
 * size.
 */
public final class BlockwiseRun implements AutoCloseable {
  /**
   * Tokens of a batch. Short samples run together up to this number, so that a weight is unpacked
   * once for all of them.
   */
  public static final int BATCH_TOKENS = 2048;

  private final Decoder decoder;
  private final Operations operations;
  private final List<int[]> samples;
  private final int sequenceLength;
  private final int batchSamples;
  private final HiddenStates states;
  private final Tensor hidden;
  private SampleProgress watcher = SampleProgress.NONE;

  /**
   * Embeds the samples.
   *
   * @param samples token ids, all lists of the same length, at least one
   */
  public BlockwiseRun(Decoder decoder, Operations operations, List<int[]> samples) {
    this(decoder, operations, samples, null);
  }

  /**
   * Resumes with the hidden states of an earlier run.
   *
   * @param load fills the hidden states in, as {@link #states()} returned them; null to embed the
   *     samples
   */
  public BlockwiseRun(
      Decoder decoder, Operations operations, List<int[]> samples, Consumer<MemorySegment> load) {
    this.decoder = decoder;
    this.operations = operations;
    this.samples = List.copyOf(samples);
    sequenceLength = samples.get(0).length;
    batchSamples = Math.clamp(BATCH_TOKENS / sequenceLength, 1, samples.size());
    states =
        new HiddenStates(operations, (long) samples.size() * sequenceLength, decoder.hiddenSize());
    hidden = operations.tensor(batchSamples * sequenceLength, decoder.hiddenSize());
    try {
      if (load == null) {
        forEachBatch(this::embed);
      } else {
        states.load(load);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Returns the hidden states of all samples, the input of the next block: [samples *
   * sequenceLength, hiddenSize] in float32. They are copied to host memory if they aren't there;
   * they hold until the next call, or until samples pass a block.
   */
  public MemorySegment states() {
    return states.all();
  }

  /** Has somebody told of the samples that pass the blocks from now on. */
  public void watchedBy(SampleProgress progress) {
    watcher = progress;
  }

  /** Work on the samples {@code [from, from + count)}, whose states are in {@code batch}. */
  @FunctionalInterface
  private interface BatchWork {
    void run(int from, int count, Tensor batch);
  }

  private void forEachBatch(BatchWork work) {
    for (int from = 0; from < samples.size(); from += batchSamples) {
      CancelledException.throwIfInterrupted();
      int count = Math.min(batchSamples, samples.size() - from);
      work.run(from, count, hidden.rows(0, count * sequenceLength));
      watcher.passed(from + count, samples.size());
    }
  }

  private void read(int from, Tensor batch) {
    states.read((long) from * sequenceLength, batch);
  }

  private void write(int from, Tensor batch) {
    states.write((long) from * sequenceLength, batch);
  }

  private void embed(int from, int count, Tensor batch) {
    int[] tokens =
        samples.subList(from, from + count).stream().flatMapToInt(Arrays::stream).toArray();
    decoder.embed(tokens, sequenceLength, batch);
    write(from, batch);
  }

  /**
   * Runs a block on all samples without keeping its outputs.
   *
   * @return the norms of its linear modules' inputs, by module; zeros for one that no token reached
   */
  public Map<String, float[]> observe(Block block) {
    try (InputNorms norms = new InputNorms(operations)) {
      observe(block, norms, norms);
      return norms.norms(block.inputFeatures(), samples.size());
    }
  }

  /**
   * Does what {@link #observe(Block)} does, and sums the second moments of the inputs too.
   *
   * @param memory takes the second moments
   */
  public BlockStatistics observe(Block block, Arena memory) {
    try (InputNorms norms = new InputNorms(operations);
        InputMoments moments = new InputMoments(operations)) {
      observe(block, norms, moments.after(norms));
      return statistics(block, norms, moments, memory);
    }
  }

  private void observe(Block block, InputNorms norms, InputObserver observer) {
    forEachBatch(
        (from, count, batch) -> {
          read(from, batch);
          block.observe(batch, sequenceLength, observer);
        });
    requireFinite(norms, block, 0, samples.size());
  }

  private BlockStatistics statistics(
      Block block, InputNorms norms, InputMoments moments, Arena memory) {
    Map<String, Integer> features = block.inputFeatures();
    return new BlockStatistics(
        norms.norms(features, samples.size()),
        moments.grams(features, samples.size(), memory),
        moments.tokens());
  }

  /**
   * Checks norms while the states that they were computed from are still in memory.
   *
   * @throws InputException if a norm isn't finite; it names the first activation that isn't
   */
  private void requireFinite(InputNorms norms, Block block, int from, int count) {
    try {
      norms.requireFinite();
    } catch (InputException e) {
      Tensor batch = hidden.rows(0, sequenceLength);
      for (int sample = from; sample < from + count; sample++) {
        read(sample, batch);
        block.observe(batch, sequenceLength, new NonFiniteSearch(operations, "sample " + sample));
      }
      throw e;
    }
  }

  /**
   * Runs a block on all samples, returns norms as {@link #observe} does, and keeps the outputs as
   * the next block's input.
   */
  public Map<String, float[]> observeAndAdvance(Block block) {
    try (InputNorms norms = new InputNorms(operations)) {
      advance(block, norms, (from, count) -> requireFinite(norms, block, from, count));
      return norms.norms(block.inputFeatures(), samples.size());
    }
  }

  /**
   * Does what {@link #observeAndAdvance(Block)} does, and sums the second moments of the inputs
   * too.
   *
   * @param memory takes the second moments
   */
  public BlockStatistics observeAndAdvance(Block block, Arena memory) {
    try (InputNorms norms = new InputNorms(operations);
        InputMoments moments = new InputMoments(operations)) {
      advance(
          block, moments.after(norms), (from, count) -> requireFinite(norms, block, from, count));
      return statistics(block, norms, moments, memory);
    }
  }

  /** Runs a block on all samples and keeps the outputs as the next block's input. */
  public void advance(Block block) {
    advance(block, InputObserver.NONE);
  }

  /**
   * Does what {@link #advance(Block)} does and shows the inputs of the linear modules to an
   * observer.
   */
  void advance(Block block, InputObserver observer) {
    advance(block, observer, (from, count) -> {});
  }

  /** A check that runs after each batch, before its states are replaced. */
  @FunctionalInterface
  private interface BatchCheck {
    void of(int from, int count);
  }

  private void advance(Block block, InputObserver observer, BatchCheck check) {
    forEachBatch(
        (from, count, batch) -> {
          read(from, batch);
          block.forward(batch, sequenceLength, observer);
          check.of(from, count);
          write(from, batch);
        });
  }

  /** Returns the first state of a sample, rows being its tokens, that isn't finite. */
  Optional<NonFiniteSearch.Found> nonFiniteState(int sample) {
    return NonFiniteSearch.find(
        states.tokens((long) sample * sequenceLength, sequenceLength), decoder.hiddenSize());
  }

  /** Returns the mean next-token negative log-likelihood of a sample, after the last block. */
  public double meanLoss(int sample) {
    Tensor batch = hidden.rows(0, sequenceLength);
    read(sample, batch);
    return Arrays.stream(decoder.nextTokenLosses(batch, samples.get(sample)))
        .average()
        .orElseThrow();
  }

  /**
   * Returns the negative log-likelihoods of tokens after the last tokens of a sample, after the
   * last block.
   *
   * @param targets the tokens; the last one follows the sample's last token
   * @return one for each target, in nats
   */
  public double[] lastLosses(int sample, int[] targets) {
    Tensor batch = hidden.rows(0, targets.length);
    long from = (long) (sample + 1) * sequenceLength - targets.length;
    states.read(from, batch);
    return decoder.losses(batch, targets);
  }

  @Override
  public void close() {
    hidden.close();
    states.close();
  }
}
