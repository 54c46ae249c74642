package io.github.wandacuda.backend.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.Locale;
import java.util.Optional;

/**
 * Finds libraries of the system before JCuda does, since JCuda's own error message is pages long. A
 * library that is found remains loaded.
 */
public final class SharedLibrary {
  private SharedLibrary() {}

  /** Returns the name for this system. */
  public static String name(String linux, String windows) {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    return system.startsWith("windows") ? windows : linux;
  }

  /** Loads a library; returns nothing if it isn't found. */
  public static Optional<SymbolLookup> find(String name) {
    try {
      return Optional.of(SymbolLookup.libraryLookup(name, Arena.global()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
