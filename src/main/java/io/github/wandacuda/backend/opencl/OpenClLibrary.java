package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.SymbolLookup;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jocl.CL;

/** The system's OpenCL loader, and JOCL's library for it. */
final class OpenClLibrary {
  private OpenClLibrary() {}

  /** Returns the possible names of this system's loader. */
  public static List<String> names() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    if (system.startsWith("windows")) {
      return List.of("OpenCL.dll");
    }
    if (system.startsWith("mac")) {
      return List.of("/System/Library/Frameworks/OpenCL.framework/Versions/Current/OpenCL");
    }
    return List.of("libOpenCL.so.1", "libOpenCL.so");
  }

  /**
   * Loads JOCL if the loader is there; without one, JOCL's own message would be long.
   *
   * @param names possible names of the loader, which are tried in turn
   * @return why OpenCL can't be used; empty if it can
   */
  public static Optional<String> problem(List<String> names) {
    if (names.stream().allMatch(name -> find(name).isEmpty())) {
      return Optional.of(
          "%s was not found: no OpenCL loader is installed".formatted(names.getFirst()));
    }
    return Binding.PROBLEM;
  }

  private static Optional<SymbolLookup> find(String name) {
    return SharedLibrary.find(name).filter(found -> found.find("clGetPlatformIDs").isPresent());
  }

  /** Returns a function of this system's loader, which stays loaded. */
  static SharedLibrary.Function function(String name) {
    return names().stream()
        .flatMap(library -> find(library).stream())
        .findFirst()
        .map(found -> new SharedLibrary.Function(found, "OpenCL", name))
        .orElseThrow(() -> new UnsatisfiedLinkError("no OpenCL loader is installed"));
  }

  /** JOCL's library, which is loaded once. */
  private static final class Binding {
    static final Optional<String> PROBLEM = load();

    private Binding() {}

    private static Optional<String> load() {
      try {
        SharedLibrary.inPrivateDirectory(() -> CL.setExceptionsEnabled(false));
        return Optional.empty();
      } catch (LinkageError | RuntimeException e) {
        return Optional.of("JOCL's library can't be loaded: " + Printable.firstLine(e));
      }
    }
  }
}
