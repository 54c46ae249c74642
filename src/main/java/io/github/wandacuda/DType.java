package io.github.wandacuda;

import java.util.Optional;

/**
 * The element types whose values this library computes with; every other one passes through it as
 * bytes.
 */
public enum DType {
  /** IEEE 754 binary32. */
  F32(Float.BYTES),
  /** IEEE 754 binary16. */
  F16(Short.BYTES),
  /** The upper half of a binary32. */
  BF16(Short.BYTES);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** {@return the size of one element in bytes} */
  public int bytes() {
    return bytes;
  }

  /**
   * {@return the type that a safetensors header calls {@code name}, or nothing for one that this
   * library does not compute with}
   *
   * @param name as the header spells it
   */
  public static Optional<DType> of(String name) {
    for (DType dtype : values()) {
      if (dtype.name().equals(name)) {
        return Optional.of(dtype);
      }
    }
    return Optional.empty();
  }
}
