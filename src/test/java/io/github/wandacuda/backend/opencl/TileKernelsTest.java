package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.testing.Thorough;

/** The kernels of GPUs, which run on every device. */
@Thorough
class TileKernelsTest extends MatrixKernelsCases {
  @Override
  MatrixVariant variant(OpenClDevice device) {
    return MatrixVariant.TILES;
  }
}
