package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;

/** Launches work-groups of 16 x 16 work-items that share tiles in local memory: for GPUs. */
final class TileKernels implements MatrixKernels {
  private static final int SIDE = 16;
  private static final int TILE_FEATURES = 64;

  /** Tokens of a work-item, where there are enough for it. */
  private static final int MANY_ROWS = 8;

  private static final int FEW_ROWS = 4;

  /** Queries of a group. */
  private static final int QUERIES = 64;

  /** Features of a head that one group makes. */
  private static final int HEAD_FEATURES = 256;

  private final OpenClQueue queue;

  TileKernels(OpenClQueue queue) {
    this.queue = queue;
  }

  @Override
  public void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out) {
    int rows = x.rows() > SIDE * FEW_ROWS ? MANY_ROWS : FEW_ROWS;
    OpenClKernel kernel =
        queue
            .device()
            .kernel(
                "linear_tiles.cl",
                "linear_tiles",
                MatrixKernels.weightOption(w.dtype()) + " -D ROWS=" + rows);
    long featureTiles = Math.ceilDiv(w.rows(), TILE_FEATURES);
    long tokenTiles = Math.ceilDiv(x.rows(), SIDE * rows);
    queue.launch(
        kernel,
        new long[] {featureTiles * SIDE, tokenTiles * SIDE},
        new long[] {SIDE, SIDE},
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

  @Override
  public void attention(
      DeviceMatrix q,
      DeviceMatrix k,
      DeviceMatrix v,
      AttentionShape shape,
      DeviceMatrix keyBias,
      DeviceMatrix out) {
    int features = Math.min(shape.headSize(), HEAD_FEATURES);
    long parts = Math.ceilDiv(shape.headSize(), HEAD_FEATURES);
    long tiles = Math.ceilDiv(shape.sequenceLength(), QUERIES);
    OpenClKernel kernel =
        queue
            .device()
            .kernel(
                "attention_tiles.cl",
                "attention_tiles",
                "-D PARTS=%d %s"
                    .formatted(
                        Math.ceilDiv(features, SIDE), MatrixKernels.scoreOptions(shape, keyBias)));
    queue.launch(
        kernel,
        new long[] {tiles * SIDE, shape.heads() * parts * SIDE, q.rows() / shape.sequenceLength()},
        new long[] {SIDE, SIDE, 1},
        q.data(),
        k.data(),
        v.data(),
        MatrixKernels.dataOrNull(keyBias),
        out.data(),
        shape.sequenceLength(),
        shape.heads(),
        shape.heads() / shape.keyValueHeads(),
        shape.headSize(),
        shape.scale(),
        shape.softcap(),
        shape.window());
  }
}
