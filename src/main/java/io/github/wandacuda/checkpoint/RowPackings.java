package io.github.wandacuda.checkpoint;

import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.scalar.ScalarRowPacking;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.simd.VectorRowPacking;
import io.github.wandacuda.system.ThisRuntime;

/** The fastest packing that this JVM and machine can run. */
public final class RowPackings {
  private RowPackings() {}

  /** Returns the vector code where the machine has instructions for it, else the plain loops. */
  public static RowPacking fastest() {
    return ThisRuntime.hasVectors() && Lanes.COMPRESSES_SHORTS
        ? new VectorRowPacking()
        : new ScalarRowPacking();
  }
}
