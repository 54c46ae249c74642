package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;

/**
 * Checks that sequences are no longer than a model's positions. With a longer one the model would
 * run, but its results would be wrong.
 */
final class Positions {
  private Positions() {}

  /**
   * Checks a sequence length that the user gave.
   *
   * @throws UsageException if it is beyond the model's maximum
   */
  static void require(int length, int modelMaximum) {
    if (length > modelMaximum) {
      throw ErrorDetails.of("`sequence-length`")
          .refused("at most %d, the positions that the model has".formatted(modelMaximum), length);
    }
  }

  /**
   * Checks a list of token ids.
   *
   * @param index the list's index in its file, from 0
   * @throws InputException if it is longer than the model's maximum
   */
  static void require(Path file, int index, int[] ids, int modelMaximum) {
    if (ids.length > modelMaximum) {
      throw ErrorDetails.file(file)
          .part("list %d".formatted(index + 1))
          .wrong(
              "at most %d token ids, the positions that the model has".formatted(modelMaximum),
              ids.length);
    }
  }
}
