package io.github.wandacuda.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.NativeFunction;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import jcuda.cudaDataType;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasOperation;

/**
 * cuBLAS called without JCuda, which binds to one version of it. The functions, their parameters
 * and the constants are the same from version 11 to 13.
 */
final class LinkedCublas {
  private final NativeFunction property;
  private final NativeFunction create;
  private final NativeFunction setStream;
  private final NativeFunction gemm;
  private final NativeFunction destroy;

  /**
   * Links the functions.
   *
   * @param library cuBLAS, which stays loaded
   * @throws UnsatisfiedLinkError if it lacks one
   */
  LinkedCublas(SymbolLookup library) {
    property = function(library, "cublasGetProperty", JAVA_INT, ADDRESS);
    create = function(library, "cublasCreate_v2", ADDRESS);
    setStream = function(library, "cublasSetStream_v2", ADDRESS, ADDRESS);
    gemm =
        function(
            library,
            "cublasGemmEx",
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT);
    destroy = function(library, "cublasDestroy_v2", ADDRESS);
  }

  private static NativeFunction function(
      SymbolLookup library, String name, ValueLayout... parameters) {
    return new NativeFunction(library, "cuBLAS", name, parameters);
  }

  /** Asks for a part of the version ({@code libraryPropertyType}); fills {@code value[0]}. */
  int property(int type, int[] value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(JAVA_INT);
      int status = property.call(type, found);
      value[0] = found.get(JAVA_INT, 0);
      return status;
    }
  }

  /** Returns a handle that isn't created yet. */
  CublasHandle handle() {
    return new Handle();
  }

  /** A handle of this library. */
  private final class Handle implements CublasHandle {
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
    private final MemorySegment zero = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0);
    private MemorySegment address = MemorySegment.NULL;

    @Override
    public int create() {
      MemorySegment created = arena.allocate(ADDRESS);
      int status = create.call(created);
      address = created.get(ADDRESS, 0);
      return status;
    }

    @Override
    public int setStream(CudaQueue queue) {
      return setStream.call(address, MemorySegment.ofAddress(queue.streamHandle()));
    }

    @Override
    public int multiply(DeviceRows x, DeviceRows w, boolean accumulate, DeviceRows out) {
      int type = CublasHandle.type(w.dtype());
      return gemm.call(
          address,
          cublasOperation.CUBLAS_OP_T,
          cublasOperation.CUBLAS_OP_N,
          out.columns(),
          out.rows(),
          w.columns(),
          one,
          start(w),
          type,
          CublasHandle.stride(w),
          start(x),
          type,
          CublasHandle.stride(x),
          accumulate ? one : zero,
          start(out),
          cudaDataType.CUDA_R_32F,
          CublasHandle.stride(out),
          cublasComputeType.CUBLAS_COMPUTE_32F,
          cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    }

    private static MemorySegment start(DeviceRows matrix) {
      return MemorySegment.ofAddress(CudaBuffer.address(matrix.data()));
    }

    @Override
    public int destroy() {
      return destroy.call(address);
    }
  }
}
