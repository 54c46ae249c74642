package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;

/** Refuses input that the Java heap has no room for, before the heap is full. */
public final class HeapBudget {
  /**
   * Bytes of memory for a byte of text: itself, two as a string's, two more while it is decoded.
   */
  public static final int OF_TEXT = 5;

  /** Bytes of memory for a byte of token ids: at best two are an id of four, held twice. */
  public static final int OF_IDS = 4;

  /** Bytes of memory for an array beside its elements. */
  private static final int ARRAY = 64;

  private HeapBudget() {}

  /**
   * Checks that content can be held.
   *
   * @param where the file, or the file and the line
   * @param size of the content in bytes
   * @param times bytes of memory that a byte of it takes
   * @throws InputException if it can't
   */
  public static void require(ErrorDetails where, long size, int times) {
    long heap = Runtime.getRuntime().maxMemory();
    if (size > heap / times) {
      throw new InputException(
          where
              .expected(
                  "at most %d bytes for a Java heap of %d".formatted(heap / times, heap),
                  String.valueOf(size))
              .hint("give the heap more with -Xmx"));
    }
  }

  /**
   * Checks that samples can be held.
   *
   * @throws UsageException if they would take more than half of the heap
   */
  public static void requireSamples(int samples, int length) {
    long heap = Runtime.getRuntime().maxMemory();
    long most = heap / 2 / (ARRAY + (long) length * Integer.BYTES);
    if (samples > most) {
      throw new UsageException(
          ErrorDetails.of("`samples`")
              .expected(
                  "at most %d samples of %d tokens for a Java heap of %d bytes"
                      .formatted(most, length, heap),
                  String.valueOf(samples))
              .hint("take fewer, or give the heap more with -Xmx"));
    }
  }
}
