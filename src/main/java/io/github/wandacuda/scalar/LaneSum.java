package io.github.wandacuda.scalar;

/**
 * The order in which a row's elements are summed in float32. Lane l of 16 adds elements l, l + 16,
 * l + 32 and so on, starting from 0; then lanes l and l + 8 are added, then l and l + 4, l + 2, l +
 * 1. Vectors of 4, 8 and 16 elements can all keep that order.
 */
public final class LaneSum {
  /** Number of partial sums of a row. */
  public static final int LANES = 16;

  private LaneSum() {}

  /**
   * Returns the sum of the lanes, whose content is undefined afterwards.
   *
   * @param lanes sixteen partial sums
   */
  public static float combine(float[] lanes) {
    for (int width = lanes.length / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; lane++) {
        lanes[lane] += lanes[lane + width];
      }
    }
    return lanes[0];
  }
}
