package io.github.wandacuda.checkpoint;

import java.util.List;

/**
 * The names of a packed weight's parts.
 *
 * @param compressed of the values
 * @param bitmask of the bits
 * @param rowOffsets of the rows' offsets
 * @param shape of the two sizes
 */
public record PackedNames(String compressed, String bitmask, String rowOffsets, String shape) {
  /** Returns whether a tensor's name is one of a weight that can be packed. */
  public static boolean isWeight(String name) {
    return name.endsWith(PackedFormat.WEIGHT);
  }

  /** Returns the names for a weight, whose own ends with {@code .weight}. */
  public static PackedNames of(String weight) {
    String module = weight.substring(0, weight.length() - PackedFormat.WEIGHT.length());
    return new PackedNames(
        module + PackedFormat.COMPRESSED,
        module + PackedFormat.BITMASK,
        module + PackedFormat.ROW_OFFSETS,
        module + PackedFormat.SHAPE);
  }

  /** Returns all four. */
  public List<String> all() {
    return List.of(compressed, bitmask, rowOffsets, shape);
  }
}
