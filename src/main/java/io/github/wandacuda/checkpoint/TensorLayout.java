package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * Checks the offsets of tensors in a file's data section: each is as long as its shape says, and
 * there is no gap.
 */
final class TensorLayout {
  private TensorLayout() {}

  /** Returns the tensors in the order of their bytes. */
  static List<TensorInfo> ordered(Collection<TensorInfo> tensors) {
    TensorInfo[] ordered = tensors.toArray(new TensorInfo[0]);
    Arrays.sort(
        ordered, Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
    return List.of(ordered);
  }

  /**
   * Checks that offsets agree with shape and type, as far as the format defines the type. Of
   * another type an element must take a bit at least.
   *
   * @param file for messages, or null for one in memory
   * @throws InputException if they don't
   */
  static void checkSize(Path file, TensorInfo info) {
    if (info.begin() > info.end()) {
      throw ErrorDetails.tensor(file, info.name())
          .wrong("data_offsets in ascending order", "[%d, %d]".formatted(info.begin(), info.end()));
    }
    int elementBits = bits(info.dtype());
    long size = info.bytes();
    long bits = bits(file, info, Math.max(1, elementBits));
    if (elementBits == 0) {
      // An element takes a bit at least. Without this a small file could claim any number of them.
      if (size < Math.ceilDiv(bits, Byte.SIZE)) {
        throw ErrorDetails.tensor(file, info.name())
            .wrong(
                "%d bytes or more for %s".formatted(Math.ceilDiv(bits, Byte.SIZE), info.what()),
                "%d in data_offsets [%d, %d]".formatted(size, info.begin(), info.end()));
      }
      return;
    }
    if (bits % Byte.SIZE != 0) {
      throw ErrorDetails.tensor(file, info.name())
          .wrong("a whole number of bytes", "%s, which is %d bits".formatted(info.what(), bits));
    }
    if (size != bits / Byte.SIZE) {
      throw ErrorDetails.tensor(file, info.name())
          .wrong(
              "%d bytes for %s".formatted(bits / Byte.SIZE, info.what()),
              "%d in data_offsets [%d, %d]".formatted(size, info.begin(), info.end()));
    }
  }

  /** Returns the bits of an element, or 0 for a type that the format doesn't define. */
  static int bits(String dtype) {
    return switch (dtype) {
      case "F4" -> 4;
      case "F6_E2M3", "F6_E3M2" -> 6;
      case "BOOL", "U8", "I8" -> 8;
      case "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ" -> 8;
      case "I16", "U16", "F16", "BF16" -> 16;
      case "I32", "U32", "F32" -> 32;
      case "C64", "F64", "I64", "U64" -> 64;
      default -> 0;
    };
  }

  private static long bits(Path file, TensorInfo info, int elementBits) {
    try {
      return Math.multiplyExact(info.elements(), elementBits);
    } catch (ArithmeticException e) {
      throw ErrorDetails.tensor(file, info.name())
          .wrong("a size below 2^63 bits", "shape " + info.shape());
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
        throw ErrorDetails.tensor(file, info.name())
            .wrong(
                "its data at offset %d, next to %s".formatted(at, before),
                "offset %d".formatted(info.begin()));
      }
      if (info.end() > dataBytes) {
        throw ErrorDetails.tensor(file, info.name())
            .cut(
                "its data to end at offset %d at most, where the file ends".formatted(dataBytes),
                "offset %d".formatted(info.end()));
      }
      at = info.end();
      before = "tensor " + Printable.of(info.name());
    }
    if (at != dataBytes) {
      throw ErrorDetails.file(file)
          .wrong(
              "%d bytes of data, all of them in tensors".formatted(at),
              "%d bytes of data".formatted(dataBytes));
    }
  }
}
