package io.github.wandacuda.testing;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;

/** The CUDA driver that the system has, if it has one. */
public final class CudaDriver {
  private static final boolean THERE = isFound();

  private CudaDriver() {}

  private static boolean isFound() {
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup.libraryLookup("libcuda.so.1", arena);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Returns whether there is one; {@link PretendCuda}, once it is loaded, doesn't count. */
  public static boolean isThere() {
    return THERE;
  }
}
