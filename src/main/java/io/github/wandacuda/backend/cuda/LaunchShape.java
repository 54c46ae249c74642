package io.github.wandacuda.backend.cuda;

/** Numbers of threads and blocks of kernels. */
final class LaunchShape {
  private static final int WARP = 32;
  private static final int VECTOR = 4;

  private LaunchShape() {}

  /**
   * Returns the threads of a block that works on one row, of which each thread takes four elements
   * at a time.
   */
  static int rowThreads(int columns, int most) {
    return Math.clamp(Math.ceilDiv(columns, VECTOR * WARP) * (long) WARP, WARP, most);
  }

  /** Returns a grid of one dimension. */
  static Grid blocks(long count) {
    return new Grid(Math.toIntExact(count), 1, 1);
  }

  /** Returns the number of tiles that cover a matrix. */
  static long tiles(int rows, int tileRows, int columns, int tileColumns) {
    return (long) Math.ceilDiv(rows, tileRows) * Math.ceilDiv(columns, tileColumns);
  }
}
