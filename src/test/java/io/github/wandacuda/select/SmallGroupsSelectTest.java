package io.github.wandacuda.select;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.io.File;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * OpenCL's kernels on devices that have no room for groups of 256 work-items, nor in local memory
 * for rows of more than a few thousand columns, which are read again in each pass.
 */
@BesideCuda
@Thorough
class SmallGroupsSelectTest {
  @ParameterizedTest
  @ValueSource(ints = {64, 128})
  void everyKernelAgrees(int items) {
    Set<String> read = new ConcurrentSkipListSet<>();
    try (OpenedBackend opened =
        new OpenedBackend(
            TestedBackend.OPENCL,
            FirstOpenCl.withGroups(items, 16 << 10, Long.MAX_VALUE, read::add))) {
      for (DType dtype : DType.values()) {
        new SelectRowsTest(opened).everyKindOfRowAgrees(dtype);
        new SelectRowsTest(opened).everySizeAgrees(dtype, 11008);
        new SelectGroupsTest(opened).everyLayoutAgrees(dtype);
        new SelectThresholdTest(opened).everyLayoutAgrees(dtype);
        new MagnitudesTest(opened).everyWidthIsCounted(dtype);
        new MagnitudesTest(opened).anElementThatIsNotFiniteIsNamed(dtype);
      }
      new SelectRowsTest(opened).longRowsAgree(DType.F32, 100_003);
      new SelectGroupsTest(opened).largeGroupsAgree(500);
    }
    assertThat(read)
        .contains(new File("kernels/select").list((folder, name) -> name.endsWith(".cl")));
  }
}
