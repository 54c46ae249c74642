package io.github.wandacuda.io.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.Malformed;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;

/** Where tensors lie in a file's data section: each as long as its shape says, without a gap. */
final class TensorLayout {
  private TensorLayout() {}

  /** Returns the tensors in the order of their bytes. */
  static List<TensorInfo> ordered(Collection<TensorInfo> tensors) {
    return tensors.stream()
        .sorted(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end))
        .toList();
  }

  /**
   * Checks that a tensor's offsets agree with its shape and type. A type that the format does not
   * define is taken at its offsets' word.
   *
   * @throws InputException if they don't
   */
  static void checkSize(Path file, TensorInfo info) {
    if (info.begin() > info.end()) {
      throw Malformed.tensor(
          file,
          info.name(),
          "data_offsets in ascending order",
          "[%d, %d]".formatted(info.begin(), info.end()));
    }
    OptionalInt elementBits = ElementBits.of(info.dtype());
    long size = info.bytes();
    long bits = bits(file, info, elementBits.orElse(1));
    if (elementBits.isEmpty()) {
      return;
    }
    if (bits % Byte.SIZE != 0) {
      throw Malformed.tensor(
          file,
          info.name(),
          "a whole number of bytes",
          "%s, which is %d bits".formatted(what(info), bits));
    }
    if (size != bits / Byte.SIZE) {
      throw Malformed.tensor(
          file,
          info.name(),
          "%d bytes for %s".formatted(bits / Byte.SIZE, what(info)),
          "%d in data_offsets [%d, %d]".formatted(size, info.begin(), info.end()));
    }
  }

  private static String what(TensorInfo info) {
    return "%s %s".formatted(Printable.of(info.dtype()), info.shape());
  }

  private static long bits(Path file, TensorInfo info, int elementBits) {
    try {
      return Math.multiplyExact(info.elements(), elementBits);
    } catch (ArithmeticException e) {
      throw Malformed.tensor(file, info.name(), "a size below 2^63 bits", "shape " + info.shape());
    }
  }

  /**
   * Checks that tensors follow each other from the start of the data section to its end.
   *
   * @param tensors in the order of their bytes
   * @param dataBytes length of the data section
   * @throws InputException if there is a gap, an overlap or a byte that is no tensor's
   */
  static void checkContiguous(Path file, List<TensorInfo> tensors, long dataBytes) {
    long at = 0;
    String before = "the data section's start";
    for (TensorInfo info : tensors) {
      if (info.begin() != at) {
        throw Malformed.tensor(
            file,
            info.name(),
            "its data at offset %d, next to %s".formatted(at, before),
            "offset %d".formatted(info.begin()));
      }
      if (info.end() > dataBytes) {
        throw Malformed.cut(
            ErrorDetails.file(file).tensor(info.name()),
            "its data to end at offset %d at most, where the file ends".formatted(dataBytes),
            "offset %d".formatted(info.end()));
      }
      at = info.end();
      before = "tensor " + Printable.of(info.name());
    }
    if (at != dataBytes) {
      throw Malformed.file(
          file,
          "%d bytes of data, all of them in tensors".formatted(at),
          "%d bytes of data".formatted(dataBytes));
    }
  }
}
