package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;

/** Refuses input that doesn't fit into the Java heap, before the heap is full. */
public final class HeapBudget {
  /**
   * Bytes of memory for a byte of text: one for itself, two for the string, two more while it is
   * decoded.
   */
  public static final int OF_TEXT = 5;

  /**
   * Bytes of memory for a byte of a file of token ids: the shortest id takes two bytes of text and
   * four of memory, which are held twice.
   */
  public static final int OF_IDS = 4;

  /** Bytes of memory for an array in addition to its elements. */
  private static final int ARRAY = 64;

  private HeapBudget() {}

  /**
   * Checks that content fits into the heap.
   *
   * @param where the file, or the file and the line
   * @param size of the content, in bytes
   * @param times bytes of memory for each byte of content, as {@link #OF_TEXT}
   * @throws io.github.wandacuda.error.InputException if it doesn't
   */
  public static void require(ErrorDetails where, long size, int times) {
    long heap = Runtime.getRuntime().maxMemory();
    if (size > heap / times) {
      throw where
          .hint("give the heap more with -Xmx")
          .wrong("at most %d bytes for a Java heap of %d".formatted(heap / times, heap), size);
    }
  }

  /**
   * Checks that samples fit into the heap.
   *
   * @param samples how many
   * @param length tokens of each
   * @throws UsageException if they would take more than half of the heap
   */
  public static void requireSamples(int samples, int length) {
    long heap = Runtime.getRuntime().maxMemory();
    long most = heap / 2 / (ARRAY + (long) length * Integer.BYTES);
    if (samples > most) {
      throw ErrorDetails.of("`samples`")
          .hint("take fewer, or give the heap more with -Xmx")
          .refused(
              "at most %d samples of %d tokens for a Java heap of %d bytes"
                  .formatted(most, length, heap),
              samples);
    }
  }
}
