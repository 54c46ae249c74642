package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.Malformed;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * Checks the offsets of tensors in a file's data section: each is as long as its shape says, and
 * there is no gap.
 */
final class TensorLayout {
  /** The sizes, in bits, of the element types that the safetensors format defines. */
  private static final Map<String, Integer> BITS =
      Map.ofEntries(
          Map.entry("F4", 4),
          Map.entry("F6_E2M3", 6),
          Map.entry("F6_E3M2", 6),
          Map.entry("BOOL", 8),
          Map.entry("U8", 8),
          Map.entry("I8", 8),
          Map.entry("F8_E5M2", 8),
          Map.entry("F8_E4M3", 8),
          Map.entry("F8_E8M0", 8),
          Map.entry("F8_E4M3FNUZ", 8),
          Map.entry("F8_E5M2FNUZ", 8),
          Map.entry("I16", 16),
          Map.entry("U16", 16),
          Map.entry("F16", 16),
          Map.entry("BF16", 16),
          Map.entry("I32", 32),
          Map.entry("U32", 32),
          Map.entry("F32", 32),
          Map.entry("C64", 64),
          Map.entry("F64", 64),
          Map.entry("I64", 64),
          Map.entry("U64", 64));

  private TensorLayout() {}

  /** Returns the tensors in the order of their bytes. */
  static List<TensorInfo> ordered(Collection<TensorInfo> tensors) {
    TensorInfo[] ordered = tensors.toArray(new TensorInfo[0]);
    Arrays.sort(ordered, TensorLayout::compareOffsets);
    return List.of(ordered);
  }

  private static int compareOffsets(TensorInfo left, TensorInfo right) {
    int order = Long.compare(left.begin(), right.begin());
    return order != 0 ? order : Long.compare(left.end(), right.end());
  }

  /**
   * Checks that a tensor's offsets agree with its shape and type. For a type that the format does
   * not define the length isn't checked.
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
    Integer elementBits = BITS.get(info.dtype());
    long size = info.bytes();
    long bits = bits(file, info, elementBits == null ? 1 : elementBits);
    if (elementBits == null) {
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
