package io.github.wandacuda.backend.opencl;

/** The kernels of GPUs, which run on every device. */
class TileKernelsTest extends MatrixKernelsCases {
  @Override
  MatrixVariant variant(OpenClDevice device) {
    return MatrixVariant.TILES;
  }
}
