package io.github.wandacuda.bench.compare;

import java.util.Map;

/**
 * A line of the table.
 *
 * @param group what is measured
 * @param name by which it is asked for
 * @param parameters at which sizes
 */
record Row(Group group, String name, Map<String, String> parameters) {
  String get(String parameter) {
    String value = parameters.get(parameter);
    if (value == null) {
      throw new IllegalArgumentException("%s has no %s".formatted(name, parameter));
    }
    return value;
  }

  int number(String parameter) {
    return Integer.parseInt(get(parameter));
  }

  /** Returns the parameters in words. */
  String label() {
    return String.join(", ", parameters.values());
  }
}
