package io.github.wandacuda.packing;

import io.github.wandacuda.packing.reference.RowPacking;
import io.github.wandacuda.packing.reference.ScalarRowPacking;
import io.github.wandacuda.packing.simd.VectorRowPacking;
import io.github.wandacuda.system.ThisRuntime;

/** The fastest packing that this JVM and machine can run. */
public final class RowPackings {
  private RowPackings() {}

  /** Returns the vector code where the machine has instructions for it, else the plain loops. */
  public static RowPacking fastest() {
    return ThisRuntime.hasClass("jdk.incubator.vector.Vector") && VectorRowPacking.fits()
        ? new VectorRowPacking()
        : new ScalarRowPacking();
  }
}
