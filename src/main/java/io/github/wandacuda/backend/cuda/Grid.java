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

  public Grid {
    if (x < 1 || y < 1 || y > MOST || z < 1 || z > MOST) {
      throw new IllegalArgumentException("a grid of %d x %d x %d blocks".formatted(x, y, z));
    }
  }
}
