package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.InputObserver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/**
 * Finds the first value that is NaN or infinite. Activations aren't checked while samples run. If a
 * norm or a loss isn't finite, the samples run again, one by one, with this observer.
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
