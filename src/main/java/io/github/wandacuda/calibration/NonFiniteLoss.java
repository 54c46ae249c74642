package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import java.util.List;

/** Explains a loss that isn't finite by the first value on the way to it that isn't. */
public final class NonFiniteLoss {
  private NonFiniteLoss() {}

  /**
   * Runs a sequence again.
   *
   * @param tokens the sequence
   * @param sequence what it is called in messages
   * @param loss the loss
   * @return the failure; it names the module, row and column of the first value that isn't finite
   */
  public static InputException of(
      Decoder decoder, Operations operations, int[] tokens, String sequence, double loss) {
    NonFiniteSearch search = new NonFiniteSearch(operations, sequence);
    try (BlockwiseRun run = new BlockwiseRun(decoder, operations, List.of(tokens))) {
      requireFinite(run, search, "the embedding");
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          run.advance(block, search);
        }
        requireFinite(run, search, "the output of block " + index);
      }
    } catch (InputException e) {
      return e;
    }
    return ErrorDetails.of("the logits")
        .wrong("a finite loss", "%s for %s".formatted(loss, sequence));
  }

  private static void requireFinite(BlockwiseRun run, NonFiniteSearch search, String where) {
    run.nonFiniteState(0)
        .ifPresent(
            found -> {
              throw search.failure(where, found);
            });
  }
}
