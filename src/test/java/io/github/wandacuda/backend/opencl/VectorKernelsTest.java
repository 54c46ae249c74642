package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.forward.AttentionShape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels of processors, which run on every device. */
class VectorKernelsTest extends MatrixKernelsCases {
  @Override
  MatrixVariant variant(OpenClDevice device) {
    return MatrixVariant.vectors(device.vectorWidth());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 8, 16, 64})
  void everyVectorWidthWillDo(int width) {
    OpenClForwardKernels vectors = new OpenClForwardKernels(queue(), MatrixVariant.vectors(width));
    try (vectors;
        ForwardChecks checks = new ForwardChecks(device(), vectors)) {
      checks.linear(DType.F32, 31, 45, 270);
      checks.attention(2, new AttentionShape(101, 2, 1, 20, 0.25f, 0, 0));
      AttentionShape shape = new AttentionShape(101, 2, 1, 20, 0.25f, 2f, 13);
      checks.attention(2, shape, checks.samples().tensor(2, 101));
    }
  }
}
