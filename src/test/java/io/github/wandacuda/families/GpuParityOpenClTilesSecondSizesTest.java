package io.github.wandacuda.families;

import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;

/** The kernels of tiles, which a device that isn't a GPU doesn't get otherwise. */
@BesideCuda
@Thorough
class GpuParityOpenClTilesSecondSizesTest extends SecondSizesMasks {
  GpuParityOpenClTilesSecondSizesTest() {
    super(FirstOpenCl::withTiles, 0.001);
  }
}
