package io.github.wandacuda.families;

import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.Gpu;
import java.util.List;

@BesideCuda
@Thorough
class GpuParityOpenClWidthsTest extends WidthsParity {
  GpuParityOpenClWidthsTest() {
    super(Gpu.OPENCL::open);
  }

  @Override
  List<Run> runs() {
    return super.runs().subList(0, 2);
  }
}
