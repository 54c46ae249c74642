package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.InputObserver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Explains a loss that isn't finite by the first value on the way to it that isn't. */
public final class NonFiniteLoss {
  private NonFiniteLoss() {}

  /**
   * Runs a sequence again and checks the hidden states and every module's input on the way.
   *
   * @param tokens the sequence's ids
   * @param sequence what it is called in messages
   * @param loss what it came to the first time, for the message if all values are finite now
   * @return the failure; it names the module, row and column of the first value that isn't finite
   */
  public static InputException of(Decoder decoder, int[] tokens, String sequence, double loss) {
    NonFiniteSearch search = new NonFiniteSearch(decoder.operations(), sequence);
    try (BlockwiseRun run = new BlockwiseRun(decoder, List.of(tokens))) {
      search.require(run.states(), decoder.hiddenSize(), "the embedding");
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          run.advance(block, search);
        }
        search.require(run.states(), decoder.hiddenSize(), "the output of block " + index);
      }
    } catch (InputException e) {
      return e;
    }
    return ErrorDetails.of("the logits")
        .wrong("a finite loss", "%s for %s".formatted(loss, sequence));
  }

  /**
   * Finds the first value that is NaN or infinite. Activations aren't checked while samples run. If
   * a norm or a loss isn't finite, the samples run again, one by one, with this observer.
   *
   * @param operations of the device that the sample runs on
   * @param sample the sample that runs, in words
   */
  record NonFiniteSearch(Operations operations, String sample) implements InputObserver {
    @Override
    public void input(List<String> modules, Tensor input) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment values =
            arena.allocate((long) input.rows() * input.columns() * Float.BYTES, Long.BYTES);
        operations.download(input, values);
        require(values, input.columns(), "module " + modules.get(0));
      }
    }

    /**
     * Checks activations.
     *
     * @param values rows of {@code columns}, one for each token
     * @param where what they are, for messages
     * @throws InputException if one isn't finite; it names the first one's row and column
     */
    private void require(MemorySegment values, int columns, String where) {
      long count = values.byteSize() / Float.BYTES;
      for (long at = 0; at < count; at++) {
        float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, at);
        if (!Float.isFinite(value)) {
          throw ErrorDetails.of(Printable.of(where))
              .wrong(
                  "finite activations",
                  "%s at row %d, column %d of %s"
                      .formatted(value, at / columns, at % columns, sample));
        }
      }
    }
  }
}
