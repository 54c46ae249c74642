package io.github.wandacuda.bench;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** What a second brings, beside the calls. */
@AuxCounters(AuxCounters.Type.OPERATIONS)
@State(Scope.Thread)
public class Rates {
  /** Weights worked on. */
  public double weights;

  /** Bytes read and written. */
  public double bytes;

  /** Floating-point operations. */
  public double flops;

  /** Starts an iteration. */
  @Setup(Level.Iteration)
  public void reset() {
    weights = 0;
    bytes = 0;
    flops = 0;
  }
}
