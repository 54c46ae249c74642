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
import java.util.Optional;

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

  /**
   * Finds the first value that is NaN or infinite. Activations aren't checked while samples run. If
   * a norm or a loss isn't finite, the samples run again, one by one, with this observer.
   *
   * @param sample the sample that runs, in words
   */
  record NonFiniteSearch(Operations operations, String sample) implements InputObserver {
    /**
     * Checks the input of linear modules.
     *
     * @throws InputException if one isn't finite
     */
    @Override
    public void input(List<String> modules, Tensor input) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment values =
            arena.allocate((long) input.rows() * input.columns() * Float.BYTES, Long.BYTES);
        operations.download(input, values);
        find(values, input.columns())
            .ifPresent(
                found -> {
                  throw failure("module " + modules.get(0), found);
                });
      }
    }

    /** Returns the failure of activations that aren't finite. */
    InputException failure(String where, Found found) {
      return ErrorDetails.of(Printable.of(where))
          .wrong(
              "finite activations",
              "%s at row %d, column %d of %s"
                  .formatted(found.value(), found.row(), found.column(), sample));
    }

    /**
     * A value that isn't finite.
     *
     * @param row its token
     * @param column its feature
     * @param value NaN or an infinity
     */
    record Found(long row, long column, float value) {}

    /** Returns the first value that isn't finite. */
    static Optional<Found> find(MemorySegment values, int columns) {
      long count = values.byteSize() / Float.BYTES;
      for (long at = 0; at < count; at++) {
        float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, at);
        if (!Float.isFinite(value)) {
          return Optional.of(new Found(at / columns, at % columns, value));
        }
      }
      return Optional.empty();
    }
  }
}
