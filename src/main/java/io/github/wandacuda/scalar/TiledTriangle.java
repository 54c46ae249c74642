package io.github.wandacuda.scalar;

/**
 * A lower triangular matrix in float64, cut into squares of {@link #TILE} rows and columns. Tiles
 * on and below the diagonal are stored, each row-major in an array of its own. The last tiles reach
 * behind the matrix; there they hold the unit matrix.
 */
public final class TiledTriangle {
  /** Rows and columns of a tile: 32 KiB, so that one stays in the first-level cache. */
  public static final int TILE = 64;

  private final int order;
  private final double[][][] tiles;

  /**
   * Makes a matrix of zeros.
   *
   * @param order rows, and columns, of the matrix
   */
  public TiledTriangle(int order) {
    this.order = order;
    tiles = new double[Math.ceilDiv(order, TILE)][][];
    for (int row = 0; row < tiles.length; row++) {
      tiles[row] = new double[row + 1][TILE * TILE];
    }
    for (int i = order; i < tiles.length * TILE; i++) {
      set(i, i, 1);
    }
  }

  /** Returns the rows, and columns, of the matrix. */
  public int order() {
    return order;
  }

  /** Returns how many tiles the last row of tiles has. */
  public int tilesAcross() {
    return tiles.length;
  }

  /**
   * Returns a tile itself, so that changes to it change the matrix.
   *
   * @param row the tile's row among the tiles
   * @param column the tile's column, at most its row
   */
  public double[] tile(int row, int column) {
    return tiles[row][column];
  }

  /**
   * Puts another array in a tile's place.
   *
   * @param tile row-major; taken over, not copied
   */
  public void replace(int row, int column, double[] tile) {
    tiles[row][column] = tile;
  }

  /** Returns an element that isn't above the diagonal. */
  public double get(int row, int column) {
    return tiles[row / TILE][column / TILE][row % TILE * TILE + column % TILE];
  }

  /** Sets an element that isn't above the diagonal. */
  public void set(int row, int column, double value) {
    tiles[row / TILE][column / TILE][row % TILE * TILE + column % TILE] = value;
  }

  /**
   * Frees a column of tiles, which must not be used again.
   *
   * @param column its number among the tiles
   */
  public void release(int column) {
    for (int row = column; row < tiles.length; row++) {
      tiles[row][column] = null;
    }
  }

  /** Returns a copy of the elements row by row, each row up to its diagonal. */
  public double[][] rows() {
    double[][] rows = new double[order][];
    for (int i = 0; i < order; i++) {
      rows[i] = new double[i + 1];
      for (int j = 0; j <= i; j++) {
        rows[i][j] = get(i, j);
      }
    }
    return rows;
  }
}
