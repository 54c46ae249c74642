package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import jcuda.jcublas.cublasStatus;
import jcuda.libraryPropertyType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * NVIDIA's cuBLAS, which comes with the CUDA toolkit and may be missing. It is called without
 * JCuda, which binds to one version of it: the functions, their parameters and the constants are
 * the same from version 11 to 13.
 */
final class Cublas {
  private static final Logger LOG = LoggerFactory.getLogger(Cublas.class);

  /** The versions that are looked for, the best known first. */
  private static final List<Integer> VERSIONS = List.of(12, 13, 11);

  final SharedLibrary.Function create;
  final SharedLibrary.Function setStream;
  final SharedLibrary.Function multiply;
  final SharedLibrary.Function destroy;
  private final String version;

  private Cublas(SymbolLookup library) {
    create = function(library, "cublasCreate_v2");
    setStream = function(library, "cublasSetStream_v2");
    multiply = function(library, "cublasGemmEx");
    destroy = function(library, "cublasDestroy_v2");
    SharedLibrary.Function property = function(library, "cublasGetProperty");
    version =
        part(property, libraryPropertyType.MAJOR_VERSION)
            + "."
            + part(property, libraryPropertyType.MINOR_VERSION);
  }

  private static SharedLibrary.Function function(SymbolLookup library, String name) {
    return new SharedLibrary.Function(library, "cuBLAS", name);
  }

  private static int part(SharedLibrary.Function property, int type) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(ValueLayout.JAVA_INT);
      int status = property.call(type, found);
      if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
        throw new IllegalStateException("cublasGetProperty: " + cublasStatus.stringFor(status));
      }
      return found.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /** The result of the search, which is done once, so that a failure is logged once. */
  private static final class Loaded {
    static final Optional<Cublas> LIBRARY = find(SharedLibrary::find);
  }

  /** Returns cuBLAS; empty if it can't be used. A library that is found remains loaded. */
  static Optional<Cublas> library() {
    return VERSIONS.stream().anyMatch(version -> SharedLibrary.find(fileName(version)).isPresent())
        ? Loaded.LIBRARY
        : Optional.empty();
  }

  /** Returns the library's name and version, or nothing if it can't be used. */
  static Optional<String> label() {
    return library().map(cublas -> "cuBLAS " + cublas.version);
  }

  /** Returns what multiplies matrices here, for people. */
  public static String linear() {
    return label().orElse("own GEMM");
  }

  /**
   * Looks for cuBLAS.
   *
   * @param libraries loads a library by its file name, if it is there
   * @return the first version that works
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
      return Optional.of(new Cublas(library));
    } catch (LinkageError | IllegalStateException e) {
      LOG.warn("{} can't be used: {}", fileName(version), Printable.firstLine(e));
      return Optional.empty();
    }
  }
}
