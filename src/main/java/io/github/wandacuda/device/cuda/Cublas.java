package io.github.wandacuda.device.cuda;

import io.github.wandacuda.device.NativeLoading;
import io.github.wandacuda.device.cuda.driver.SharedLibrary;
import java.util.Optional;
import jcuda.LogLevel;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasStatus;
import jcuda.libraryPropertyType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** NVIDIA's cuBLAS, which comes with the CUDA toolkit and may be missing. */
public final class Cublas {
  private static final Logger LOG = LoggerFactory.getLogger(Cublas.class);

  /** The file name on this system of the version that JCuda binds to. */
  private static final String LIBRARY = SharedLibrary.name("libcublas.so.12", "cublas64_12.dll");

  private Cublas() {}

  /** The result of loading JCuda's library for cuBLAS, if cuBLAS itself is there. */
  private static final class Loaded {
    static final Optional<String> VERSION = load();
  }

  /** Returns the version of cuBLAS; empty if it can't be used. The first call loads it. */
  static Optional<String> version() {
    return SharedLibrary.find(LIBRARY).flatMap(found -> Loaded.VERSION);
  }

  /** Returns a text that says what multiplies matrices here. */
  public static String linear() {
    return version().map(version -> "cuBLAS " + version).orElse("own GEMM");
  }

  private static Optional<String> load() {
    try {
      NativeLoading.inPrivateDirectory(() -> JCublas2.setLogLevel(LogLevel.LOG_QUIET));
      JCublas2.setExceptionsEnabled(false);
      return Optional.of(
          property(libraryPropertyType.MAJOR_VERSION)
              + "."
              + property(libraryPropertyType.MINOR_VERSION));
    } catch (LinkageError | IllegalStateException e) {
      LOG.warn("own GEMM instead of cuBLAS, which can't be loaded: {}", e.toString());
      return Optional.empty();
    }
  }

  private static int property(int type) {
    int[] value = new int[1];
    int status = JCublas2.cublasGetProperty(type, value);
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException("cublasGetProperty: " + cublasStatus.stringFor(status));
    }
    return value[0];
  }
}
