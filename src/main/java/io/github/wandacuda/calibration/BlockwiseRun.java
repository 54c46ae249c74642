package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Runs samples through a decoder one block at a time: all samples through the first block, then all
 * through the second. Memory holds one block and the samples' hidden states, whatever the model's
 * size.
 */
public final class BlockwiseRun implements AutoCloseable {
  private final List<int[]> samples;
  private final int sequenceLength;
  private final BatchShares shares;
  private SampleProgress watcher = SampleProgress.NONE;

  /** The same samples in the dense model, or null if nothing is aligned to it. */
  private BlockwiseRun goal;

  /** The states between the halves of the block that was passed last, or null if not kept. */
  private HiddenStates middle;

  /**
   * Embeds samples.
   *
   * @param samples token ids, all lists of the same length, at least one
   */
  public BlockwiseRun(Decoder decoder, List<int[]> samples) {
    this(decoder, samples, null);
  }

  /**
   * Resumes with the hidden states of an earlier run.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param load fills the hidden states in, as {@link #states()} returned them; null to embed the
   *     samples
   */
  public BlockwiseRun(Decoder decoder, List<int[]> samples, Consumer<MemorySegment> load) {
    this.samples = List.copyOf(samples);
    sequenceLength = samples.get(0).length;
    shares = new BatchShares(decoder, SampleBatch.of(this.samples, decoder.batchTokens()));
    OnFailure.run(
        this::close, load == null ? () -> shares.embed(watcher) : () -> shares.load(load));
  }

  /**
   * Returns the hidden states of all samples, the input of the next block: [samples *
   * sequenceLength, hiddenSize] in float32. They are copied to host memory if they aren't there;
   * they are valid until the next call, or until samples pass a block.
   */
  public MemorySegment states() {
    return shares.states();
  }

  /** Sets what is told of the samples that pass the blocks from now on. */
  public void watchedBy(SampleProgress progress) {
    watcher = progress;
  }

  /**
   * Makes {@link #observe} also sum what these samples' states lack beside the same samples' states
   * in the dense model. From here on a block that is observed is taken to be the dense one: the
   * dense model's samples pass it too.
   *
   * @param dense the same samples, before the same block
   */
  public void alignTo(BlockwiseRun dense) {
    goal = dense;
  }

  /**
   * Makes {@link #advance} keep the states between a block's two halves too, so that each half of
   * {@link #half} has a goal of its own. It runs on one device then.
   */
  public void keepMiddle() {
    BatchShares.Share share = only();
    long tokens = (long) samples.size() * sequenceLength;
    middle = new HiddenStates(share.decoder().operations(), tokens, share.decoder().hiddenSize());
  }

  /** Returns the share of the only device. */
  private BatchShares.Share only() {
    if (shares.count() > 1) {
      throw new IllegalStateException("half a block on %d devices".formatted(shares.count()));
    }
    return shares.of(0);
  }

  /**
   * Returns what a half of a block reads of these samples, and what it has to add to their states
   * to reach those of the dense model behind that half. These samples stand before the block, the
   * dense model's behind it, which keep their {@linkplain #keepMiddle middle}; that is overwritten.
   *
   * @param block whose attention is as it will stay, if the half is the MLP
   * @return for the caller to close, before these samples pass the block
   */
  public HalfSamples half(Block block, Half half) {
    HiddenStates aim = half == Half.ATTENTION ? goal.middle : goal.only().states();
    BatchShares.Share share = only();
    Operations operations = share.decoder().operations();
    int hidden = share.decoder().hiddenSize();
    HalfSamples result =
        new HalfSamples(operations, samples.size(), sequenceLength, hidden, goal.middle);
    OnFailure.run(
        result::close,
        () -> {
          try (Tensor rest = operations.tensor(share.mostTokens(), hidden)) {
            shares.each(
                block,
                SampleProgress.NONE,
                (of, own, batch, at) -> {
                  Tensor rows = of.runner().rows(batch.tokens());
                  of.states().read(at, rows);
                  if (half == Half.MLP) {
                    own.forward(Half.ATTENTION, rows, sequenceLength, InputObserver.NONE);
                  }
                  result.add(own, half, rows, aim, at, rest.rows(0, batch.tokens()));
                });
          }
        });
    return result;
  }

  /**
   * Runs a block on all samples without keeping its outputs.
   *
   * @param memory takes the second moments of its linear modules' inputs, which are summed on one
   *     device, since they are too large to be summed by batch; null to sum no more than norms
   * @return the norms of the inputs, by module; zeros for one that no token reached
   * @throws io.github.wandacuda.error.InputException if an activation isn't finite
   */
  public BlockStatistics observe(Block block, Arena memory) {
    return observe(block, memory, false, new ExpertSums(List.of()));
  }

  /**
   * Runs a block on all samples, observes its modules' inputs and keeps its outputs as the next
   * block's input.
   *
   * @param memory as in {@link #observe(Block, Arena)}
   * @param experts sums what scores experts; only where {@code memory} is null
   * @return as {@link #observe(Block, Arena)}
   */
  BlockStatistics observeAndAdvance(Block block, Arena memory, ExpertSums experts) {
    return observe(block, memory, true, experts);
  }

  private BlockStatistics observe(Block block, Arena memory, boolean advance, ExpertSums experts) {
    InputNorms norms = new InputNorms();
    Map<String, Integer> features = block.inputFeatures();
    if (memory == null) {
      observe(
          block,
          norms,
          advance,
          (share, batch) -> experts.of(batch.index(), share.decoder().operations()));
      return new BlockStatistics(
          norms.norms(features, samples.size()), Map.of(), Map.of(), Map.of());
    }
    if (shares.count() > 1) {
      throw new IllegalStateException("second moments on %d devices".formatted(shares.count()));
    }
    Decoder decoder = shares.of(0).decoder();
    try (InputMoments moments = new InputMoments(decoder.operations());
        MissingMoments missing =
            new MissingMoments(decoder.operations(), block, decoder.hiddenSize())) {
      observe(
          block,
          norms,
          advance,
          (share, batch) -> goal == null ? moments : both(moments, missing, share, batch));
      if (goal != null) {
        goal.advance(block);
      }
      return new BlockStatistics(
          norms.norms(features, samples.size()),
          moments.grams(features, samples.size(), memory),
          moments.tokens(),
          missing.download((long) samples.size() * sequenceLength, memory));
    }
  }

  private InputObserver both(
      InputMoments moments, MissingMoments missing, BatchShares.Share share, SampleBatch batch) {
    HiddenStates dense = goal.shares.of(batch.firstSample()).states();
    return (modules, input) -> {
      moments.input(modules, input);
      missing.add(modules, input, share.states(), dense, share.at(batch.firstToken()));
    };
  }

  private void observe(
      Block block,
      InputNorms norms,
      boolean advance,
      BiFunction<BatchShares.Share, SampleBatch, InputObserver> also) {
    shares.each(
        block,
        watcher,
        (share, own, batch, at) ->
            norms.add(
                batch.index(),
                share
                    .runner()
                    .observe(own, batch, share.states(), at, advance, also.apply(share, batch))));
  }

  /** Runs a block on all samples and keeps the outputs as the next block's input. */
  public void advance(Block block) {
    if (middle == null) {
      advance(block, InputObserver.NONE);
    } else {
      advanceByHalves(block);
    }
  }

  /** Does the same, and keeps the states between the halves. */
  private void advanceByHalves(Block block) {
    shares.each(
        block,
        watcher,
        (share, own, batch, at) -> {
          Tensor rows = share.runner().rows(batch.tokens());
          share.states().read(at, rows);
          own.forward(Half.ATTENTION, rows, sequenceLength, InputObserver.NONE);
          middle.write(at, rows);
          own.forward(Half.MLP, rows, sequenceLength, InputObserver.NONE);
          share.states().write(at, rows);
        });
  }

  /**
   * Runs a block on all samples, keeps the outputs as the next block's input, and shows the linear
   * modules' inputs to an observer.
   */
  void advance(Block block, InputObserver observer) {
    shares.each(
        block,
        watcher,
        (share, own, batch, at) ->
            share.runner().advance(own, batch, share.states(), at, observer));
  }

  public DoubleStream meanLosses() {
    return IntStream.range(0, samples.size()).mapToDouble(this::meanLoss);
  }

  /** Returns the mean next-token negative log-likelihood of a sample, after the last block. */
  public double meanLoss(int sample) {
    return shares.meanLoss(sample, samples.get(sample));
  }

  /**
   * Returns the losses of the tokens that a sample's last positions are to predict, after the last
   * block.
   *
   * @param targets the tokens, one for each of these positions; the last one follows the sample's
   *     last token
   * @return one for each target, in nats
   */
  public double[] lastLosses(int sample, int[] targets) {
    BatchShares.Share share = shares.of(sample);
    Tensor batch = share.runner().rows(targets.length);
    share.states().read(share.at((sample + 1L) * sequenceLength - targets.length), batch);
    return share.decoder().losses(batch, targets);
  }

  /** Returns how many samples there are. */
  int count() {
    return samples.size();
  }

  /** Returns how many tokens each sample has. */
  int sequenceLength() {
    return sequenceLength;
  }

  /**
   * Copies the logits at some positions of a sample to host memory, after the last block.
   *
   * @param from the first position
   * @param count how many, {@link Decoder#LOGIT_ROWS} at most
   * @param logits takes [count, vocabulary] floats
   */
  void logits(int sample, int from, int count, MemorySegment logits) {
    shares.of(sample).decoder().operations().download(scores(sample, from, count), logits);
  }

  /**
   * Does the same, and returns the losses of the tokens that follow these positions.
   *
   * @param count not as far as the sample's last position, which no token follows
   * @return one for each position, in nats
   */
  double[] logitsAndLosses(int sample, int from, int count, MemorySegment logits) {
    Operations operations = shares.of(sample).decoder().operations();
    Tensor scores = scores(sample, from, count);
    operations.download(scores, logits);
    int[] targets = Arrays.copyOfRange(samples.get(sample), from + 1, from + 1 + count);
    return operations.crossEntropy(scores, targets);
  }

  private Tensor scores(int sample, int from, int count) {
    BatchShares.Share share = shares.of(sample);
    Tensor rows = share.runner().rows(count);
    share.states().read(share.at((long) sample * sequenceLength + from), rows);
    return share.decoder().logits(rows);
  }

  @Override
  public void close() {
    shares.close();
    if (middle != null) {
      middle.close();
    }
  }
}
