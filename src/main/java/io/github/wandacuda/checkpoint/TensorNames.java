package io.github.wandacuda.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;

/** The order of names, the same in every language that sorts by code points or by UTF-8 bytes. */
public final class TensorNames {
  /**
   * Code-point order. {@link String#compareTo} differs from it where characters beyond U+FFFF meet
   * those from U+E000.
   */
  public static final Comparator<String> ORDER =
      (left, right) ->
          Arrays.compareUnsigned(
              left.getBytes(StandardCharsets.UTF_8), right.getBytes(StandardCharsets.UTF_8));

  private TensorNames() {}
}
