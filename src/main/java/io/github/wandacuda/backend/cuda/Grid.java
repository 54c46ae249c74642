package io.github.wandacuda.backend.cuda;

/**
 * The number of blocks of a launch.
 *
 * @param x blocks in the first dimension, up to 2^31 - 1
 * @param y blocks in the second dimension, up to 65535
 * @param z blocks in the third dimension, up to 65535
 */
record Grid(int x, int y, int z) {
  private static final int MOST = 65535;
  private static final int WARP = 32;
  private static final int VECTOR = 4;

  public Grid {
    if (x < 1 || y < 1 || y > MOST || z < 1 || z > MOST) {
      throw new IllegalArgumentException("a grid of %d x %d x %d blocks".formatted(x, y, z));
    }
  }

  /**
   * Returns the threads of a block that works on one row, each on four elements at a time: a
   * multiple of a warp.
   *
   * @param most the most threads, a multiple of a warp
   */
  static int rowThreads(int columns, int most) {
    return Math.clamp(Math.ceilDiv(columns, VECTOR * WARP) * (long) WARP, WARP, most);
  }

  /**
   * Returns blocks in the first dimension.
   *
   * @throws ArithmeticException if there are more than 2^31 - 1
   */
  static Grid of(long count) {
    return new Grid(Math.toIntExact(count), 1, 1);
  }

  /** Returns how many tiles cover a matrix. */
  static long tiles(int rows, int tileRows, int columns, int tileColumns) {
    return (long) Math.ceilDiv(rows, tileRows) * Math.ceilDiv(columns, tileColumns);
  }
}
