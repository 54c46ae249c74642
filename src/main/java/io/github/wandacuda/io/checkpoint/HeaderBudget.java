package io.github.wandacuda.io.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.nio.file.Path;

/**
 * How long the headers of a model's shards may be together. What is made of a header takes up to
 * twice as much memory as its bytes, which are kept too.
 */
final class HeaderBudget {
  private static final int TIMES = 3;

  private final long heap = Runtime.getRuntime().maxMemory();
  private long taken;

  /**
   * Takes a header's length of what is left.
   *
   * @throws InputException if the Java heap has no room for it
   */
  void take(Path file, long length) {
    taken += length;
    if (taken > heap / TIMES) {
      throw tooLong(file, taken + " with those before it");
    }
  }

  /** Returns the failure of a header for which there is no room after all. */
  InputException tooLong(Path file, String found) {
    return new InputException(
        ErrorDetails.file(file)
            .part("header")
            .expected("at most %d bytes for a Java heap of %d".formatted(heap / TIMES, heap), found)
            .hint("give the heap more with -Xmx"));
  }
}
