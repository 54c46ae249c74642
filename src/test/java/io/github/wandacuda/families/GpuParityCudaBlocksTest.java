package io.github.wandacuda.families;

import io.github.wandacuda.testing.backend.Gpu;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityCudaBlocksTest extends BlocksParity {
  GpuParityCudaBlocksTest() {
    super(Gpu.CUDA::open, 1e-5);
  }

  /** A few, since pretended devices are slow. */
  @Override
  Stream<String> sets() {
    return Stream.of("1", "1,4");
  }
}
