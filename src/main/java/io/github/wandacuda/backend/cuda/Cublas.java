package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.NativeLoading;
import io.github.wandacuda.backend.gpu.SharedLibrary;
import java.lang.foreign.SymbolLookup;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import jcuda.LogLevel;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasStatus;
import jcuda.libraryPropertyType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * NVIDIA's cuBLAS, which comes with the CUDA toolkit and may be missing.
 *
 * @param version its version, such as 12.6
 * @param handles gives handles that aren't created yet
 */
record Cublas(String version, Supplier<CublasHandle> handles) {
  private static final Logger LOG = LoggerFactory.getLogger(Cublas.class);

  /** The version that JCuda binds to. */
  private static final int BOUND = 12;

  /** The versions that are looked for, the best known first. */
  private static final List<Integer> VERSIONS = List.of(BOUND, 13, 11);

  /** What is found once a library is there, so that a failure is told of once. */
  private static final class Loaded {
    static final Optional<Cublas> LIBRARY = find(SharedLibrary::find);
  }

  /** Asks for a part of cuBLAS's version, as {@code cublasGetProperty} does. */
  @FunctionalInterface
  private interface Property {
    int get(int type, int[] value);
  }

  /** Returns cuBLAS; empty if it can't be used. A library that is found remains loaded. */
  static Optional<Cublas> library() {
    return VERSIONS.stream().anyMatch(version -> SharedLibrary.find(fileName(version)).isPresent())
        ? Loaded.LIBRARY
        : Optional.empty();
  }

  /** Returns its name and version, or nothing if it can't be used. */
  static Optional<String> label() {
    return library().map(cublas -> "cuBLAS " + cublas.version);
  }

  /** Returns a text that says what multiplies matrices here. */
  public static String linear() {
    return label().orElse("own GEMM");
  }

  /**
   * Looks for cuBLAS.
   *
   * @param libraries loads a library by its file name, if it is there
   */
  static Optional<Cublas> find(Function<String, Optional<SymbolLookup>> libraries) {
    return VERSIONS.stream()
        .flatMap(
            version -> libraries.apply(fileName(version)).flatMap(at -> open(version, at)).stream())
        .findFirst();
  }

  private static String fileName(int version) {
    return SharedLibrary.name("libcublas.so." + version, "cublas64_" + version + ".dll");
  }

  private static Optional<Cublas> open(int version, SymbolLookup library) {
    try {
      return Optional.of(version == BOUND ? bound() : linked(new LinkedCublas(library)));
    } catch (LinkageError | IllegalStateException e) {
      LOG.warn("{} can't be used: {}", fileName(version), e.toString());
      return Optional.empty();
    }
  }

  private static Cublas bound() {
    NativeLoading.inPrivateDirectory(() -> JCublas2.setLogLevel(LogLevel.LOG_QUIET));
    JCublas2.setExceptionsEnabled(false);
    return new Cublas(version(JCublas2::cublasGetProperty), JCublasHandle::new);
  }

  private static Cublas linked(LinkedCublas library) {
    return new Cublas(version(library::property), library::handle);
  }

  private static String version(Property property) {
    return part(property, libraryPropertyType.MAJOR_VERSION)
        + "."
        + part(property, libraryPropertyType.MINOR_VERSION);
  }

  private static int part(Property property, int type) {
    int[] value = new int[1];
    int status = property.get(type, value);
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException("cublasGetProperty: " + cublasStatus.stringFor(status));
    }
    return value[0];
  }
}
