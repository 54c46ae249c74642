package io.github.wandacuda.calibration;

import io.github.wandacuda.calibration.InputNorms.BatchObserver;
import io.github.wandacuda.calibration.InputNorms.BatchSquares;
import io.github.wandacuda.calibration.NonFiniteLoss.NonFiniteSearch;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.InputObserver;
import java.util.List;

/**
 * A device through which batches pass one after the other: each is embedded, observed in a block or
 * run through it by itself. Hidden states lie elsewhere; a batch's begin with a given token of
 * those. Used from one thread at a time.
 */
public final class BatchRunner implements AutoCloseable {
  private final Decoder decoder;
  private final Tensor hidden;
  private final BatchObserver observer;

  public BatchRunner(Decoder decoder, int tokens) {
    this.decoder = decoder;
    hidden = decoder.operations().tensor(tokens, decoder.hiddenSize());
    observer = new BatchObserver(decoder.operations());
  }

  /** Returns memory for the states of some tokens; the next call uses it too. */
  Tensor rows(int count) {
    return hidden.rows(0, count);
  }

  public void embed(SampleBatch batch, HiddenStates states, long at) {
    Tensor rows = rows(batch.tokens());
    decoder.embed(batch.ids(), batch.sequenceLength(), rows);
    states.write(at, rows);
  }

  /**
   * Runs a block and sums the squares of its linear modules' inputs.
   *
   * @param advance whether the states are replaced by the block's outputs
   * @param also sees the inputs too
   * @throws InputException if a sum isn't finite; it names the first activation that isn't
   */
  public BatchSquares observe(
      Block block,
      SampleBatch batch,
      HiddenStates states,
      long at,
      boolean advance,
      InputObserver also) {
    Tensor rows = rows(batch.tokens());
    states.read(at, rows);
    if (!advance) {
      block.observe(rows, batch.sequenceLength(), beside(also));
      return takeFinite(block, batch, states, at);
    }
    block.forward(rows, batch.sequenceLength(), beside(also));
    BatchSquares squares = takeFinite(block, batch, states, at);
    states.write(at, rows);
    return squares;
  }

  /**
   * Runs a block and replaces a batch's hidden states by its outputs.
   *
   * @param states of all batches
   * @param at the batch's first token among them
   * @param also is shown each linear module's input, beside this runner's own observer
   */
  public void advance(
      Block block, SampleBatch batch, HiddenStates states, long at, InputObserver also) {
    Tensor rows = rows(batch.tokens());
    states.read(at, rows);
    block.forward(rows, batch.sequenceLength(), also);
    states.write(at, rows);
  }

  private InputObserver beside(InputObserver also) {
    return new InputObserver() {
      @Override
      public void input(List<String> modules, Tensor input) {
        observer.input(modules, input);
        also.input(modules, input);
      }

      @Override
      public void expert(Expert expert, float[] weights, Tensor output) {
        also.expert(expert, weights, output);
      }

      @Override
      public boolean seesAbsence() {
        return also.seesAbsence();
      }

      @Override
      public void without(Expert expert, Tensor change) {
        also.without(expert, change);
      }
    };
  }

  /** Takes a batch's sums while the states that they were computed from are still there. */
  private BatchSquares takeFinite(Block block, SampleBatch batch, HiddenStates states, long at) {
    BatchSquares squares = observer.take();
    try {
      squares.requireFinite();
      return squares;
    } catch (InputException e) {
      search(block, batch, states, at);
      throw e;
    }
  }

  /** Runs samples one by one, until one shows an activation that isn't finite. */
  private void search(Block block, SampleBatch batch, HiddenStates states, long at) {
    int length = batch.sequenceLength();
    Tensor rows = hidden.rows(0, length);
    for (int sample = 0; sample < batch.samples().size(); sample++) {
      states.read(at + (long) sample * length, rows);
      String name = "sample " + (batch.firstSample() + sample);
      block.observe(rows, length, new NonFiniteSearch(decoder.operations(), name));
    }
  }

  @Override
  public void close() {
    observer.close();
    hidden.close();
  }
}
