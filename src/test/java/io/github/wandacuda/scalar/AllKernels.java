package io.github.wandacuda.scalar;

import io.github.wandacuda.backend.cpu.CpuSelector;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.simd.ShapedKernels;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.incubator.vector.VectorShape;

/** A selector on each implementation of {@link CpuSelectKernels}, at every vector shape. */
public enum AllKernels {
  SCALAR(new ScalarSelect()),
  RADIX(new RadixSelect()),
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

  public static Map<String, Selector> selectors() {
    return Stream.of(values()).collect(Collectors.toMap(AllKernels::name, AllKernels::selector));
  }

  private static CpuSelectKernels vector(VectorShape shape) {
    return ShapedKernels.load(CpuSelectKernels.class, "backend.cpu.VectorSelect", shape);
  }
}
