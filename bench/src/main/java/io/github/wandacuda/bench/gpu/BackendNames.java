package io.github.wandacuda.bench.gpu;

import java.util.List;
import java.util.Locale;

/**
 * Tells by its name whether a test is about one of the backends.
 *
 * @param backend the one that is wanted
 */
record BackendNames(String backend) {
  private static final List<String> ALL = List.of("cuda", "opencl");

  /**
   * Returns whether a test is about this backend, or about none of them in particular.
   *
   * @param name of the test, the class and its package included
   */
  boolean concerns(String name) {
    // Every class's package has this in it.
    String told = name.toLowerCase(Locale.ROOT).replace("wandacuda", "");
    return told.contains(backend) || ALL.stream().noneMatch(told::contains);
  }
}
