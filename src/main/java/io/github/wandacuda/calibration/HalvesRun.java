package io.github.wandacuda.calibration;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs all samples through a decoder half a block at a time: attention, then the feed-forward half.
 * It keeps the states between the halves, and runs on one device, since the moments that it sums
 * are too large to be summed by batch.
 */
public final class HalvesRun implements AutoCloseable {
  private final Decoder decoder;
  private final Operations operations;
  private final BatchShares shares;
  private final List<int[]> samples;
  private final int used;
  private final long tokens;
  private final int batchTokens;
  private final SampleProgress watcher;

  /**
   * Embeds the samples.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param held how many of the last samples run through the blocks without being counted in
   *     moments; their perplexity tells whether a fit helps on samples that it hasn't seen
   * @param watcher is told of samples that pass a half
   */
  public HalvesRun(Decoder decoder, List<int[]> samples, int held, SampleProgress watcher) {
    this.decoder = decoder;
    this.samples = List.copyOf(samples);
    this.watcher = watcher;
    operations = decoder.operations();
    used = samples.size() - held;
    int most = decoder.batchTokens();
    List<SampleBatch> batches = new ArrayList<>(SampleBatch.of(samples.subList(0, used), most));
    if (held > 0) {
      int counted = batches.size();
      SampleBatch.of(samples.subList(used, samples.size()), most)
          .forEach(
              batch ->
                  batches.add(
                      new SampleBatch(
                          counted + batch.index(), used + batch.firstSample(), batch.samples())));
    }
    tokens = (long) used * samples.get(0).length;
    batchTokens = batches.stream().mapToInt(SampleBatch::tokens).max().orElseThrow();
    shares = new BatchShares(decoder, batches);
    OnFailure.run(this::close, () -> shares.embed(SampleProgress.NONE));
  }

  /**
   * Receives each batch that counts, one after the other, with the states before the half in {@code
   * rows}, which it may overwrite.
   */
  @FunctionalInterface
  private interface Counted {
    void run(Block own, SampleBatch batch, long at, Tensor rows);
  }

  private void eachCounted(Block block, Counted work) {
    shares.each(
        block,
        watcher,
        (share, own, batch, at) -> {
          if (batch.firstSample() < used) {
            Tensor rows = share.runner().rows(batch.tokens());
            share.states().read(at, rows);
            work.run(own, batch, at, rows);
          }
        });
  }

  /** Runs a half of a block on all samples and keeps its outputs as the next half's input. */
  public void advance(Block block, Half half) {
    shares.each(
        block,
        watcher,
        (share, own, batch, at) -> {
          Tensor rows = share.runner().rows(batch.tokens());
          share.states().read(at, rows);
          own.forward(half, rows, batch.sequenceLength(), InputObserver.NONE);
          share.states().write(at, rows);
        });
  }

  /**
   * Runs a half of a block on all samples without keeping its outputs, and returns what has to be
   * added to the half's output, before the residual factor, to reach the goal.
   *
   * @param goal the same samples behind that half of another decoder
   * @return a row for each token that counts; the caller closes it
   */
  public HiddenStates missing(Block block, Half half, HalvesRun goal) {
    HiddenStates missing = new HiddenStates(operations, tokens, decoder.hiddenSize());
    try (Tensor aim = operations.tensor(batchTokens, decoder.hiddenSize())) {
      eachCounted(
          block,
          (own, batch, at, rows) -> {
            own.forward(half, rows, batch.sequenceLength(), InputObserver.NONE);
            Tensor other = aim.rows(0, batch.tokens());
            goal.shares.of(batch.firstSample()).states().read(at, other);
            operations.elementwise(new Elementwise.Scale(-1), rows, null, rows);
            operations.elementwise(new Elementwise.Add(), other, rows, rows);
            operations.elementwise(new Elementwise.Scale(1 / own.factor(half)), rows, null, rows);
            missing.write(at, rows);
          });
      return missing;
    } catch (RuntimeException | Error e) {
      missing.close();
      throw e;
    }
  }

  /**
   * Receives what a module reads in a batch; called once for each batch in which a token reaches
   * it.
   */
  @FunctionalInterface
  private interface Inputs {
    /**
     * Takes the inputs of one batch.
     *
     * @param inputs [tokens that reached the module, features]; valid during the call only
     * @param rows for each row of the inputs, its token within the batch
     * @param weights the factor of the module's output for each of these tokens: a router's weight
     *     for an expert, 1 otherwise
     * @param missing of the batch, a row for each of its tokens, or null if nothing was asked for
     */
    void see(Tensor inputs, int[] rows, float[] weights, Tensor missing);
  }

  private void observe(
      Block block, Half half, String module, HiddenStates missing, Inputs inputs, boolean change) {
    int width = missing == null ? 1 : decoder.hiddenSize();
    try (Tensor some = operations.tensor(batchTokens, width)) {
      eachCounted(
          block,
          (own, batch, at, rows) -> {
            Tensor rest = missing == null ? null : some.rows(0, batch.tokens());
            if (rest != null) {
              missing.read(at, rest);
            }
            own.observe(half, rows, batch.sequenceLength(), new OneModule(module, inputs, rest));
            if (change) {
              missing.write(at, rest);
            }
          });
    }
  }

  /** Shows the inputs of one module; of an expert, also which tokens they are of. */
  private static final class OneModule implements InputObserver {
    private final String module;
    private final Inputs inputs;
    private final Tensor missing;
    private int[] rows;
    private float[] weights;

    OneModule(String module, Inputs inputs, Tensor missing) {
      this.module = module;
      this.inputs = inputs;
      this.missing = missing;
    }

    @Override
    public boolean wants(String output) {
      return output.equals(module);
    }

    @Override
    public void sent(String output, int[] tokens, float[] factors) {
      rows = tokens;
      weights = factors;
    }

    @Override
    public void input(List<String> modules, Tensor input) {
      if (!modules.contains(module)) {
        return;
      }
      if (rows == null) {
        rows = IntStream.range(0, input.rows()).toArray();
        weights = ones(rows.length);
      }
      inputs.see(input, rows, weights, missing);
    }
  }

  private static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  /**
   * Runs a half of a block on all samples without keeping its outputs, and sums the second moments
   * of what one of its last linear modules reads, each row times the factor of its output.
   *
   * @param module the module's full name
   * @param missing what is missing behind it, or null to sum no more than the inputs
   * @param arena takes the moments, and bounds how long they are valid
   * @throws io.github.wandacuda.error.InputException if a moment isn't finite
   */
  public OutputMoments moments(
      Block block, Half half, String module, HiddenStates missing, Arena arena) {
    int inputs = block.inputFeatures().get(module);
    int hidden = missing == null ? 0 : decoder.hiddenSize();
    int width = inputs + 1 + hidden;
    Gram gram = new Gram(width, arena.allocate(Gram.elements(width) * Float.BYTES, Long.BYTES));
    try (SecondMoments sums = operations.secondMoments(width);
        Tensor joint = operations.tensor(batchTokens, width);
        Tensor weighed = operations.tensor(batchTokens, inputs);
        Tensor some = operations.tensor(batchTokens, Math.max(1, hidden));
        Tensor column = operations.tensor(batchTokens, 1)) {
      operations.upload(MemorySegment.ofArray(ones(batchTokens)), column);
      operations.gatherColumns(column, columns(1, inputs), joint);
      observe(
          block,
          half,
          module,
          missing,
          (input, rows, weights, rest) -> {
            Tensor both = joint.rows(0, rows.length);
            Tensor own = weighed.rows(0, rows.length);
            operations.clear(own);
            operations.addRows(input, IntStream.range(0, rows.length).toArray(), weights, own);
            operations.gatherColumns(own, columns(inputs, 0), both);
            if (rest != null) {
              Tensor lacking = some.rows(0, rows.length);
              operations.gatherRows(rest, rows, lacking);
              operations.gatherColumns(lacking, columns(hidden, inputs + 1), both);
            }
            sums.add(both);
          },
          false);
      sums.download(tokens, gram.triangle());
    }
    for (int at = 0; at < width; at++) {
      if (!Float.isFinite(gram.get(at, at))) {
        throw ErrorDetails.of("module " + Printable.of(module))
            .wrong(
                "finite second moments of what it reads and what is missing behind it",
                "%s: activations are too large".formatted(gram.get(at, at)));
      }
    }
    return new OutputMoments(inputs, gram);
  }

  /**
   * Subtracts from what is missing what a change of a module's weights adds to the half's output.
   *
   * @param missing [tokens, hidden size], overwritten
   * @param change of the weights in F32, [hidden size, features]
   */
  public void take(
      Block block, Half half, String module, HiddenStates missing, WeightMatrix change) {
    try (Weight weight = operations.weight(change);
        Tensor gained = operations.tensor(batchTokens, decoder.hiddenSize())) {
      observe(
          block,
          half,
          module,
          missing,
          (input, rows, weights, rest) -> {
            Tensor own = gained.rows(0, rows.length);
            operations.linear(input, weight, null, own);
            float[] factors = new float[rows.length];
            for (int row = 0; row < factors.length; row++) {
              factors[row] = -weights[row];
            }
            operations.addRows(own, rows, factors, rest);
          },
          true);
    }
  }

  /**
   * Returns the perplexity of the samples that aren't counted: the exponential of the mean over
   * samples of their mean next-token loss. All must have passed the last block.
   */
  public double perplexity() {
    return Math.exp(
        IntStream.range(used, samples.size())
            .mapToDouble(sample -> shares.meanLoss(sample, samples.get(sample)))
            .average()
            .orElseThrow());
  }

  /**
   * Returns the groups that copy all columns of a source to consecutive columns of another tensor.
   *
   * @param count columns of the source
   * @param to the column of the copy that the first one goes to
   */
  static ColumnGroups columns(int count, int to) {
    return new ColumnGroups(1, count, 0, 0, to, count);
  }

  @Override
  public void close() {
    shares.close();
  }
}
