package io.github.wandacuda.device.cuda.driver;

import java.lang.foreign.MemorySegment;
import jcuda.Pointer;

/** Native memory of any size, as JCuda takes it; its own pointers end at 2 GiB. */
public final class HostPointer extends Pointer {
  private HostPointer(long address) {
    super(address);
  }

  /** Returns where {@code memory} starts; the caller keeps it open. */
  public static HostPointer to(MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("expected native memory, found an array");
    }
    return new HostPointer(memory.address());
  }
}
