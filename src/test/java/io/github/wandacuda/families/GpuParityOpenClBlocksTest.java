package io.github.wandacuda.families;

import io.github.wandacuda.testing.backend.Gpu;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityOpenClBlocksTest extends BlocksParity {
  GpuParityOpenClBlocksTest() {
    super(Gpu.OPENCL::open, 1e-5);
  }

  /** A few, since pretended devices are slow. */
  @Override
  Stream<String> sets() {
    return Stream.of("1", "1,4");
  }
}
