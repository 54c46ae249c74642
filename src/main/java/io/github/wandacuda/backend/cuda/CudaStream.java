package io.github.wandacuda.backend.cuda;

import jcuda.driver.CUstream;

/** A stream that can be read as the number that it is. */
final class CudaStream extends CUstream {
  /** Returns the {@code CUstream}. */
  public long handle() {
    return getNativePointer();
  }
}
