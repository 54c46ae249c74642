package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.forward.AttentionShape;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels of processors, which run on every device. */
@Tag("gpu")
class VectorKernelsTest {
  /** Linear layers go into some columns of a wider matrix, whose others have to stay. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4, 8, 16, 64})
  void everyVectorWidthWillDo(int width) {
    try (ForwardDevice device = ForwardDevice.open(KernelSources.packed());
        OpenClForwardKernels vectors =
            new OpenClForwardKernels(device.queue(), MatrixVariant.vectors(width));
        ForwardChecks checks = new ForwardChecks(device, vectors)) {
      for (DType dtype : DType.values()) {
        checks.linear(dtype, 31, 45, 270);
      }
      checks.attention(2, new AttentionShape(101, 0, 2, 1, 20, 0.25f, 0, 0));
      AttentionShape shape = new AttentionShape(101, 0, 2, 1, 20, 0.25f, 2f, 13);
      checks.attention(2, shape, checks.samples().tensor(2, 101));
    }
  }
}
