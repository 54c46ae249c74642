package io.github.wandacuda.backend.cuda;

import java.lang.foreign.MemorySegment;
import jcuda.Pointer;

/**
 * A pointer to native memory of any size, as JCuda takes it; JCuda's own pointers cover at most 2
 * GiB.
 */
final class HostPointer extends Pointer {
  private HostPointer(long address) {
    super(address);
  }

  /** Returns a pointer to the start of {@code memory}, which the caller must not free meanwhile. */
  public static HostPointer to(MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("expected native memory, found an array");
    }
    return new HostPointer(memory.address());
  }
}
