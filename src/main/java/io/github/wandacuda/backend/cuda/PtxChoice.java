package io.github.wandacuda.backend.cuda;

import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Chooses the PTX version of a kernel file for a device. */
final class PtxChoice {
  /** The lowest compute capability that kernels are built for, times 10. */
  public static final int LOWEST = 75;

  private static final int TENSOR_BF16 = 80;

  private PtxChoice() {}

  /**
   * Returns the names of resources that fit the device, the best first.
   *
   * @param file the kernel file's name, without its ending
   * @param capability the device's compute capability, times 10
   */
  static Stream<String> resources(String file, int capability) {
    return IntStream.of(TENSOR_BF16, LOWEST)
        .filter(built -> built <= capability)
        .mapToObj(built -> "%s.sm_%d.ptx".formatted(file, built));
  }
}
