package io.github.wandacuda.device.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.Locale;
import java.util.Optional;

/**
 * Libraries of the system, looked for before JCuda does, whose own error is pages long. One that is
 * found stays loaded.
 */
public final class SharedLibrary {
  private SharedLibrary() {}

  /** Returns whichever of the names is this system's. */
  public static String name(String linux, String windows) {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    return system.startsWith("windows") ? windows : linux;
  }

  /** Loads a library, or returns nothing where it isn't found. */
  public static Optional<SymbolLookup> find(String name) {
    try {
      return Optional.of(SymbolLookup.libraryLookup(name, Arena.global()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
