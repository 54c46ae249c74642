package io.github.wandacuda.device.cuda.driver;

/**
 * How many blocks of threads a launch has.
 *
 * @param x in the first dimension, up to 2^31 - 1
 * @param y in the second, up to 65535
 * @param z in the third, up to 65535
 */
public record Grid(int x, int y, int z) {
  private static final int MOST = 65535;

  public Grid {
    if (x < 1 || y < 1 || y > MOST || z < 1 || z > MOST) {
      throw new IllegalArgumentException("a grid of %d x %d x %d blocks".formatted(x, y, z));
    }
  }
}
