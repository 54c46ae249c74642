package io.github.wandacuda.forward;

import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** OpenCL's kernels of processors, which run on every device. */
@Tag("gpu")
class VectorKernelsTest {
  /** Weights come in pieces, so that results go into some columns of a wider matrix. */
  @ParameterizedTest
  @ValueSource(ints = {1, 8, 64})
  void everyVectorWidthWillDo(int width) {
    try (OpenedBackend opened =
        new OpenedBackend(
            TestedBackend.OPENCL, FirstOpenCl.withVectors(width, SmallGroupsTest.PIECE))) {
      new LinearTest(opened).everySizeAgrees(13, 33, 257);
      new AttentionTest(opened).everySizeAgrees(2, 70, 2, 1, 8, 0);
      new AttentionTest(opened).allAtOnceAgree(70, 2, 1, 8, 13, 2, 0.1f, 0);
    }
  }
}
