package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.SymbolLookup;
import java.util.Optional;
import jcuda.JCudaVersion;
import jcuda.LibUtils;
import jcuda.LogLevel;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** The NVIDIA driver's library and JCuda's library for it, which are loaded at most once. */
final class CudaLibrary {
  /** The driver library's file name on this system. */
  static final String DRIVER = SharedLibrary.name("libcuda.so.1", "nvcuda.dll");

  private static final String NO_DRIVER = "no NVIDIA driver: %s was not found".formatted(DRIVER);

  /** CUDA 11.8, the oldest version that supports our PTX and calls. */
  private static final int OLDEST = 11080;

  private CudaLibrary() {}

  /** The result of loading, which is tried once, even if the library is missing. */
  private static final class Loaded {
    static final Optional<SymbolLookup> LIBRARY = SharedLibrary.find(DRIVER);
    static final Optional<String> PROBLEM =
        LIBRARY.isEmpty() ? Optional.of(NO_DRIVER) : loadProblem();
  }

  /** Returns why no CUDA device can be used; empty if one may be usable. */
  static Optional<String> problem() {
    return Loaded.PROBLEM.or(() -> versionProblem(version())).or(CudaLibrary::initProblem);
  }

  /**
   * Checks that the driver and JCuda are loaded.
   *
   * @throws BackendUnavailableException if they aren't
   */
  static void require() {
    problem()
        .ifPresent(
            problem -> {
              throw new BackendUnavailableException(CudaDevice.NAME + ": " + problem);
            });
  }

  /**
   * Returns one of the driver's functions, for the few that JCuda restricts.
   *
   * @param name its name in the driver's library, which must be loaded
   */
  static SharedLibrary.Function function(String name) {
    SymbolLookup driver =
        Loaded.LIBRARY.orElseThrow(() -> new BackendUnavailableException(NO_DRIVER));
    return new SharedLibrary.Function(driver, "the driver", name);
  }

  /** Returns the highest CUDA version that the driver supports: 12040 is 12.4. */
  static int version() {
    int[] version = new int[1];
    CudaContext.check(
        JCudaDriver.cuDriverGetVersion(version), CudaDevice.NAME, "cuDriverGetVersion");
    return version[0];
  }

  static String versionText(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  private static Optional<String> loadProblem() {
    try {
      SharedLibrary.inPrivateDirectory(() -> JCudaDriver.setLogLevel(LogLevel.LOG_QUIET));
      JCudaDriver.setExceptionsEnabled(false);
      return Optional.empty();
    } catch (LinkageError e) {
      return Optional.of(bindingProblem(e));
    }
  }

  /** Returns why a driver is too old; empty if it isn't. */
  static Optional<String> versionProblem(int version) {
    return version >= OLDEST
        ? Optional.empty()
        : Optional.of(
            "the NVIDIA driver is too old: it supports CUDA %s, expected %s or later (driver 520)"
                .formatted(versionText(version), versionText(OLDEST)));
  }

  private static Optional<String> initProblem() {
    int result = JCudaDriver.cuInit(0);
    return result == CUresult.CUDA_SUCCESS
        ? Optional.empty()
        : Optional.of("cuInit failed: " + CudaContext.describe(result));
  }

  private static String bindingProblem(LinkageError e) {
    String file =
        LibUtils.createLibraryFileName(
            LibUtils.createPlatformLibraryName("JCudaDriver-" + JCudaVersion.get()));
    if (CudaLibrary.class.getResource("/lib/" + file) == null) {
      return "JCuda %s has no library for %s on %s"
          .formatted(
              JCudaVersion.get(), System.getProperty("os.name"), System.getProperty("os.arch"));
    }
    return "JCuda's library can't be loaded: " + Printable.firstLine(e);
  }
}
