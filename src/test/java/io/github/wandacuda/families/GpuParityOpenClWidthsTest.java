package io.github.wandacuda.families;

import io.github.wandacuda.testing.backend.Gpu;
import java.util.List;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityOpenClWidthsTest extends WidthsParity {
  GpuParityOpenClWidthsTest() {
    super(Gpu.OPENCL::open);
  }

  /** One of each kind. */
  @Override
  List<Run> runs() {
    return super.runs().subList(3, 5);
  }
}
