package io.github.wandacuda.scalar;

import io.github.wandacuda.backend.cpu.CpuSelector;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.simd.ShapedKernels;
import jdk.incubator.vector.VectorShape;

/** A selector on each implementation of {@link CpuSelectKernels}, at every vector shape. */
public enum AllKernels {
  SCALAR(new ScalarSelect()),
  VECTOR_128(vector(VectorShape.S_128_BIT)),
  VECTOR_256(vector(VectorShape.S_256_BIT)),
  VECTOR_512(vector(VectorShape.S_512_BIT));

  private final CpuSelectKernels kernels;

  AllKernels(CpuSelectKernels kernels) {
    this.kernels = kernels;
  }

  public Selector selector() {
    return new CpuSelector(kernels);
  }

  private static CpuSelectKernels vector(VectorShape shape) {
    return ShapedKernels.load(CpuSelectKernels.class, "backend.cpu.VectorSelect", shape);
  }
}
