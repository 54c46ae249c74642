package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceCodes;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;

/**
 * Launches {@code linear_tiles.cl}, {@code linear_rows.cl} for up to four tokens, or {@code
 * linear_vectors.cl}, which give the CPU's bits.
 */
final class OpenClLinear implements AutoCloseable {
  /** Tokens that {@code linear_rows.cl} takes. */
  private static final int FEWEST = 4;

  /** Columns whose products are one chain. */
  private static final int RUN = 256;

  /** Work-items of a tile's group in dimension 0, and at most in dimension 1. */
  private static final int SIDE = 16;

  private static final int TILE_FEATURES = 64;

  /** Tokens of a tile's work-item, if there are many. */
  private static final int MANY_ROWS = 8;

  private static final int FEW_ROWS = 4;

  /** Tokens of a group of vectors, which share the work of packing a panel of weights. */
  private static final int TOKENS_PER_GROUP = 516;

  /** Groups for each compute unit, so that all units end at about the same time. */
  private static final int GROUPS_PER_UNIT = 4;

  /**
   * A packed panel is used for at least this many blocks of the tokens whose sums fit into
   * registers.
   */
  private static final int FEWEST_BLOCKS = 4;

  private final OpenClQueue queue;
  private final MatrixVariant variant;
  private final GrowingBuffer chains;

  OpenClLinear(OpenClQueue queue, MatrixVariant variant) {
    this.queue = queue;
    chains = new GrowingBuffer(queue.device(), queue);
    this.variant = variant;
  }

  void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    if (variant.tiles() && x.rows() <= FEWEST) {
      rows(x, w, bias, out);
    } else if (variant.tiles()) {
      tiles(x, w, bias, out);
    } else {
      vectors(x, w, bias, out);
    }
  }

  private void rows(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    DevicePointer memory = chains(x, out);
    queue.columns(
        kernel("linear_rows", "linear_row_runs", weightOption(w.dtype())),
        w.rows(),
        runs(x),
        x.data(),
        w.data(),
        w.stride(),
        memory,
        x.rows(),
        x.columns(),
        w.rows());
    sums(x, memory, bias, out);
  }

  void codes(DeviceRows x, DeviceCodes w, DevicePointer bias, DeviceRows out) {
    DevicePointer memory = chains(x, out);
    queue.columns(
        kernel("linear_codes", "linear_code_runs", ""),
        w.rows(),
        runs(x),
        w.arguments(0, x.data(), memory, x.rows(), x.columns(), w.rows()));
    sums(x, memory, bias, out);
  }

  private static int runs(DeviceRows x) {
    return Math.ceilDiv(x.columns(), RUN);
  }

  private DevicePointer chains(DeviceRows x, DeviceRows out) {
    return chains.atLeast((long) runs(x) * x.rows() * out.columns() * Float.BYTES);
  }

  private void sums(DeviceRows x, DevicePointer memory, DevicePointer bias, DeviceRows out) {
    queue.columns(
        kernel("linear_rows", "linear_row_sums", weightOption(DType.F32)),
        out.columns(),
        x.rows(),
        memory,
        bias,
        out.data(),
        out.stride(),
        x.rows(),
        x.columns(),
        out.columns());
  }

  private void tiles(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    int rows = x.rows() > SIDE * FEW_ROWS ? MANY_ROWS : FEW_ROWS;
    OpenClKernel kernel =
        kernel(
            "linear_tiles",
            "linear_tiles",
            "%s -D ROWS=%d".formatted(weightOption(w.dtype()), rows));
    long featureTiles = Math.ceilDiv(w.rows(), TILE_FEATURES);
    int down = kernel.items() / SIDE;
    long tokenTiles = Math.ceilDiv(x.rows(), down * rows);
    queue.launch(
        kernel,
        new long[] {featureTiles * SIDE, tokenTiles * down},
        new long[] {SIDE, down},
        x.data(),
        w.data(),
        w.stride(),
        bias,
        out.data(),
        out.stride(),
        x.rows(),
        x.columns(),
        w.rows());
  }

  private void vectors(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    OpenClKernel kernel =
        queue
            .device()
            .single(
                "linear_vectors.cl",
                "linear_vectors",
                weightOption(w.dtype()) + ' ' + variant.vectorOptions());
    int panels = Math.ceilDiv(w.rows(), variant.panel());
    int tokens = tokensPerGroup(x.rows(), panels);
    queue.launch(
        kernel,
        new long[] {panels, Math.ceilDiv(x.rows(), tokens)},
        new long[] {1, 1},
        x.data(),
        w.data(),
        w.stride(),
        bias,
        out.data(),
        out.stride(),
        x.rows(),
        x.columns(),
        w.rows(),
        tokens);
  }

  /**
   * Returns the tokens of a group: they are divided evenly, into more groups if there are too few
   * panels for all compute units.
   */
  private int tokensPerGroup(int tokens, int panels) {
    int rows = variant.rows();
    int wanted = Math.ceilDiv(GROUPS_PER_UNIT * queue.device().facts().computeUnits(), panels);
    int most = Math.ceilDiv(tokens, FEWEST_BLOCKS * rows);
    int groups = Math.max(Math.ceilDiv(tokens, TOKENS_PER_GROUP), Math.min(wanted, most));
    return Math.ceilDiv(Math.ceilDiv(tokens, groups), rows) * rows;
  }

  private OpenClKernel kernel(String file, String name, String options) {
    return queue.device().kernel(file + ".cl", name, options);
  }

  static String weightOption(DType dtype) {
    return "-D WEIGHT_" + dtype.name();
  }

  @Override
  public void close() {
    chains.close();
  }
}
