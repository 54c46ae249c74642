package io.github.wandacuda.testing.backend;

import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.CudaDriver;
import java.util.function.Supplier;
import jdk.incubator.vector.VectorShape;

/** What runs operations. */
public enum TestedBackend {
  SCALAR(null, null, false),
  SIMD_128(VectorShape.S_128_BIT, null, false),
  SIMD_256(VectorShape.S_256_BIT, null, false),
  SIMD_512(VectorShape.S_512_BIT, null, false),
  /** The first OpenCL device, with the matrix kernels of processors. */
  OPENCL(null, FirstOpenCl::withVectors, false),
  /** The same device with the matrix kernels of GPUs. */
  OPENCL_TILES(null, FirstOpenCl::withTiles, true),
  /** A GPU, or the pretended driver with one that has asynchronous copies. */
  CUDA(null, () -> openCuda(Precision.DEFAULT), false),
  /** As if it had one multiprocessor: a block selects in many rows, each guessed from another. */
  CUDA_FEW_BLOCKS(null, PretendedCuda::fewBlocks, true),
  /** The pretended driver with as many multiprocessors as an H100 has: most have nothing to do. */
  CUDA_MANY_BLOCKS(null, TestedBackend::pretendH100, true),
  /** The pretended driver with a GPU that has none. */
  CUDA_SM75(null, TestedBackend::pretendSm75, true);

  private final VectorShape shape;
  private final Supplier<Backend> gpu;
  private final boolean variant;

  TestedBackend(VectorShape shape, Supplier<Backend> gpu, boolean variant) {
    this.shape = shape;
    this.gpu = gpu;
    this.variant = variant;
  }

  /**
   * Opens a GPU, or the pretended driver with our own kernels, even if cuBLAS was loaded before.
   */
  public static Backend openCuda(Precision precision) {
    return CudaDriver.isThere() ? Gpu.CUDA.open(precision) : PretendedCuda.open(80, precision);
  }

  private static Backend pretendSm75() {
    assumePretended();
    return PretendedCuda.open(75);
  }

  private static Backend pretendH100() {
    assumePretended();
    return PretendedCuda.manyBlocks();
  }

  private static void assumePretended() {
    assumeFalse(CudaDriver.isThere(), "the test pretends a driver, and there is a real one");
  }

  /** Returns the width of its vectors; null if it isn't SIMD. */
  public VectorShape shape() {
    return shape;
  }

  public boolean isGpu() {
    return gpu != null;
  }

  public boolean isCuda() {
    return this == CUDA || this == CUDA_FEW_BLOCKS || this == CUDA_MANY_BLOCKS || this == CUDA_SM75;
  }

  public boolean isOpenCl() {
    return this == OPENCL || this == OPENCL_TILES;
  }

  /** Returns whether it differs from another one in some kernels alone. */
  public boolean isVariant() {
    return variant;
  }

  /** Returns whether this machine does its work slowly, so that tests should give it little. */
  public boolean isEmulated() {
    return isCuda() && !CudaDriver.isThere()
        || shape != null && shape.vectorBitSize() > VectorShape.preferredShape().vectorBitSize();
  }

  /**
   * Returns whether one of the words {@code cpu}, {@code gpu}, {@code cuda}, {@code opencl} means
   * it.
   */
  boolean isNamedIn(String words) {
    return words.contains(isGpu() ? "gpu" : "cpu")
        || isCuda() && words.contains("cuda")
        || isOpenCl() && words.contains("opencl");
  }

  /** Opens a GPU's backend, or skips the test by naming what is missing. */
  public Backend openGpu() {
    return gpu.get();
  }
}
