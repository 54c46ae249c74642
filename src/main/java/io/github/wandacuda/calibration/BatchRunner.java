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
 * Runs the batches of one device through a decoder, one after the other: embeds a batch, or runs it
 * through a block with or without observing what the block's linear modules read. The hidden states
 * of all the device's batches lie in a {@link HiddenStates}; a batch is found there by the number
 * of its first token. Used from one thread at a time.
 */
public final class BatchRunner implements AutoCloseable {
  private final Decoder decoder;
  private final Tensor hidden;
  private final BatchObserver observer;

  /**
   * Reserves memory on the decoder's device for the hidden states of one batch.
   *
   * @param tokens of the largest batch
   */
  public BatchRunner(Decoder decoder, int tokens) {
    this.decoder = decoder;
    hidden = decoder.operations().tensor(tokens, decoder.hiddenSize());
    observer = new BatchObserver(decoder.operations());
  }

  /**
   * Returns memory for the states of some tokens. All calls share it, so the rows are overwritten
   * by the next call or the next batch.
   *
   * @param count tokens, at most those that memory was reserved for
   */
  Tensor rows(int count) {
    return hidden.rows(0, count);
  }

  /**
   * Computes the states that the first block reads, from a batch's token ids.
   *
   * @param states takes them
   * @param at the batch's first token among those of the states
   */
  public void embed(SampleBatch batch, HiddenStates states, long at) {
    Tensor rows = rows(batch.tokens());
    decoder.embed(batch.ids(), batch.sequenceLength(), rows);
    states.write(at, rows);
  }

  /**
   * Runs a block on a batch and sums, for each column, the squares of its linear modules' inputs.
   *
   * @param states of all the device's batches
   * @param at the batch's first token among them
   * @param advance whether the block's outputs replace the batch's states; otherwise they are
   *     dropped
   * @param also sees the same inputs, beside this runner's own observer
   * @return the sums over this batch alone
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
   * Runs a block on a batch and replaces the batch's hidden states by the block's outputs.
   *
   * @param states of all the device's batches
   * @param at the batch's first token among them
   * @param also is shown each linear module's input
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

  /**
   * Takes a batch's sums and checks them. The states before the block must not have been replaced
   * yet: if a sum isn't finite, the batch runs again from them to find the activation.
   */
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

  /**
   * Runs the batch's samples one by one until one shows an activation that isn't finite, and fails
   * with its module, row and column.
   */
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
