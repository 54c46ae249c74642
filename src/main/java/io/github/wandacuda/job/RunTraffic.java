package io.github.wandacuda.job;

import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.model.DecoderDescription;

/**
 * The bytes that a calibrated run by Wanda moves over the bus to a card, by arithmetic alone: how
 * many it is that a driver counts, but for the embedding's rows, norms and numbers of rows, which
 * are few.
 *
 * @param weightsUp each block's weights, once
 * @param resultsDown masks, norms and reports
 * @param statesUp hidden states that the card has no room for, twice for each block: dense and
 *     pruned
 * @param statesDown those, once for each block
 */
public record RunTraffic(double weightsUp, double resultsDown, double statesUp, double statesDown) {
  private static final int NORM_BYTES = 8;
  private static final int REPORT_BYTES = 12;

  /**
   * Plans a run.
   *
   * @param bytesPerWeight 2 or 4
   * @param streamed bytes of the hidden states that don't lie on the card
   */
  public static RunTraffic of(DecoderDescription model, double bytesPerWeight, double streamed) {
    TokenWork block =
        TokenWork.of(
            model.block().apply(0), model.shape().hiddenSize(), Precision.DEFAULT.passes());
    return of(model.shape().blocks(), block, bytesPerWeight, streamed);
  }

  /**
   * Plans a run.
   *
   * @param block what a block is made of
   * @param bytesPerWeight 2 or 4
   * @param streamed bytes of the hidden states that don't lie on the card
   */
  static RunTraffic of(int blocks, TokenWork block, double bytesPerWeight, double streamed) {
    double weights = blocks * block.weights();
    return new RunTraffic(
        weights * bytesPerWeight,
        weights / Byte.SIZE + blocks * (block.squares() * NORM_BYTES + block.rows() * REPORT_BYTES),
        2 * streamed * blocks,
        streamed * blocks);
  }

  /** Returns the bytes that go to the card. */
  public double up() {
    return weightsUp + statesUp;
  }

  /** Returns the bytes that come from the card. */
  public double down() {
    return resultsDown + statesDown;
  }

  /** Returns the bytes of hidden states, both ways. */
  double states() {
    return statesUp + statesDown;
  }
}
