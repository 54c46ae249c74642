package io.github.wandacuda.calibrate;

import io.github.wandacuda.error.CancelledException;
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
import java.util.function.Function;

/**
 * Runs samples through a decoder one block at a time: all samples through the first block, then all
 * through the second. Memory holds one block and the samples' hidden states, whatever the model's
 * size.
 */
public final class BlockwiseRun implements AutoCloseable {
  private final Decoder decoder;
  private final List<int[]> samples;
  private final int sequenceLength;
  private final List<SampleBatch> batches;
  private final HiddenStates states;
  private final BatchRunner runner;
  private final Operations operations;
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
   * @param load fills what {@link #states()} returns; null to embed the samples
   */
  public BlockwiseRun(
      Decoder decoder, Operations operations, List<int[]> samples, Consumer<MemorySegment> load) {
    this.decoder = decoder;
    this.operations = operations;
    this.samples = List.copyOf(samples);
    sequenceLength = samples.get(0).length;
    batches = SampleBatch.of(this.samples);
    states =
        new HiddenStates(operations, (long) samples.size() * sequenceLength, decoder.hiddenSize());
    runner = new BatchRunner(decoder, operations, batches.get(0).tokens());
    try {
      if (load == null) {
        forEachBatch(batch -> runner.embed(batch, states, batch.firstToken()));
      } else {
        load.accept(states());
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Returns the hidden states of all samples, the input of the next block: [samples *
   * sequenceLength, hiddenSize] in float32.
   */
  public MemorySegment states() {
    return states.all();
  }

  /** Has somebody told of the samples that pass the blocks from now on. */
  public void watchedBy(SampleProgress progress) {
    watcher = progress;
  }

  private void forEachBatch(Consumer<SampleBatch> work) {
    for (SampleBatch batch : batches) {
      CancelledException.throwIfInterrupted();
      work.accept(batch);
      watcher.passed(batch.firstSample() + batch.samples().size(), samples.size());
    }
  }

  /**
   * Runs a block on all samples without keeping its outputs.
   *
   * @return the norms of its linear modules' inputs, by module; zeros for one that no token reached
   */
  public Map<String, float[]> observe(Block block) {
    return norms(block, batch -> observe(block, batch, InputObserver.NONE));
  }

  /**
   * Does what {@link #observe(Block)} does, and sums the second moments of the inputs too.
   *
   * @param memory takes the second moments
   */
  public BlockStatistics observe(Block block, Arena memory) {
    try (InputMoments moments = new InputMoments(operations)) {
      Map<String, float[]> norms = norms(block, batch -> observe(block, batch, moments));
      return statistics(block, norms, moments, memory);
    }
  }

  private BatchSquares observe(Block block, SampleBatch batch, InputObserver also) {
    return runner.observe(block, batch, states, batch.firstToken(), also);
  }

  /**
   * Runs a block on all samples, returns norms as {@link #observe} does, and keeps the outputs as
   * the next block's input.
   */
  public Map<String, float[]> observeAndAdvance(Block block) {
    return norms(block, batch -> observeAndAdvance(block, batch, InputObserver.NONE));
  }

  /**
   * Does what {@link #observeAndAdvance(Block)} does, and sums the second moments of the inputs
   * too.
   *
   * @param memory takes the second moments
   */
  public BlockStatistics observeAndAdvance(Block block, Arena memory) {
    try (InputMoments moments = new InputMoments(operations)) {
      Map<String, float[]> norms = norms(block, batch -> observeAndAdvance(block, batch, moments));
      return statistics(block, norms, moments, memory);
    }
  }

  private BatchSquares observeAndAdvance(Block block, SampleBatch batch, InputObserver also) {
    return runner.observeAndAdvance(block, batch, states, batch.firstToken(), also);
  }

  private Map<String, float[]> norms(Block block, Function<SampleBatch, BatchSquares> work) {
    InputNorms norms = new InputNorms();
    forEachBatch(batch -> norms.add(batch.index(), work.apply(batch)));
    return norms.norms(block.inputFeatures(), samples.size());
  }

  private BlockStatistics statistics(
      Block block, Map<String, float[]> norms, InputMoments moments, Arena memory) {
    return new BlockStatistics(
        norms, moments.grams(block.inputFeatures(), samples.size(), memory), moments.tokens());
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
    forEachBatch(batch -> runner.advance(block, batch, states, batch.firstToken(), observer));
  }

  /** Returns the first state of a sample, rows being its tokens, that isn't finite. */
  Optional<NonFiniteSearch.Found> nonFiniteState(int sample) {
    return NonFiniteSearch.find(
        states.tokens((long) sample * sequenceLength, sequenceLength), decoder.hiddenSize());
  }

  /** Returns the mean next-token negative log-likelihood of a sample, after the last block. */
  public double meanLoss(int sample) {
    Tensor batch = runner.rows(sequenceLength);
    states.read((long) sample * sequenceLength, batch);
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
    Tensor batch = runner.rows(targets.length);
    long from = (long) (sample + 1) * sequenceLength - targets.length;
    states.read(from, batch);
    return decoder.losses(batch, targets);
  }

  @Override
  public void close() {
    runner.close();
    states.close();
  }
}
