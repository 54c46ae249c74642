package io.github.wandacuda.backend.opencl;

/**
 * The variant of the kernels that multiply matrices. These take nearly all of the time, so there
 * are two variants: {@code linear_tiles.cl} and {@code attention_tiles.cl} for GPUs, whose
 * work-items share tiles in local memory, and {@code linear_vectors.cl} and {@code
 * attention_vectors.cl} for processors, whose work-items are vector code.
 *
 * @param width floats of a vector, 0 for tiles
 * @param rows rows of sums, two vectors each, that fit into vector registers; 0 for tiles
 */
record MatrixVariant(int width, int rows) {
  /** The variant for GPUs. */
  static final MatrixVariant TILES = new MatrixVariant(0, 0);

  private static final int WIDEST = 16;
  private static final int NARROWEST = 4;

  /** Columns of the weights that {@code linear_vectors.cl} packs into a panel in local memory. */
  private static final int PANEL_COLUMNS = 256;

  /** Rows whose sums fit into 32 vector registers, which come with vectors of 16 floats. */
  private static final int ROWS_OF_WIDEST = 12;

  /** Rows whose sums fit into 16 vector registers. */
  private static final int ROWS_OF_OTHERS = 6;

  /**
   * Returns the variant for a device: tiles for a GPU, else vectors as wide as its registers and
   * local memory allow.
   */
  static MatrixVariant of(OpenClDevice device) {
    return device.facts().gpu()
        ? TILES
        : vectors(Math.min(device.vectorWidth(), widest(device.facts().localBytes())));
  }

  /** Returns the floats of the widest vectors whose panel fits in local memory. */
  private static int widest(long localBytes) {
    return (int) Math.min(WIDEST, localBytes / (2 * PANEL_COLUMNS * Float.BYTES));
  }

  /**
   * Returns the variant of processors.
   *
   * @param registerWidth floats of a vector register
   */
  static MatrixVariant vectors(int registerWidth) {
    int width = Math.clamp(Integer.highestOneBit(registerWidth), NARROWEST, WIDEST);
    return new MatrixVariant(width, width == WIDEST ? ROWS_OF_WIDEST : ROWS_OF_OTHERS);
  }

  boolean tiles() {
    return width == 0;
  }

  /** Returns the features or queries of a work-item's panel: two vectors. */
  int panel() {
    return 2 * width;
  }

  String vectorOptions() {
    return "-D WIDTH=%d -D ROWS=%d".formatted(width, rows);
  }
}
