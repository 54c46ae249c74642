package io.github.wandacuda.bench.gpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a phase was asked to do.
 *
 * @param phase its name
 * @param home the bundle's folder
 * @param results where its JSON goes
 * @param work where checkpoints may be written
 * @param small whether tiny shapes do
 * @param deadline when it has to be done
 * @param caseSeconds that a kernel's launches or a test may take, which hang if they take longer
 */
record PhaseOptions(
    String phase,
    Path home,
    Path results,
    Path work,
    boolean small,
    Deadline deadline,
    double caseSeconds) {
  private static final String SMALL = "--small";

  /**
   * Reads a command line: the phase, {@code --home DIR --results DIR --work DIR --seconds N --limit
   * N} and maybe {@code --small}.
   *
   * @throws IllegalArgumentException if something is missing
   */
  static PhaseOptions parse(String[] args) {
    Map<String, String> values = new HashMap<>();
    for (int i = 1; i < args.length; i++) {
      if (!args[i].equals(SMALL)) {
        values.put(args[i], i + 1 < args.length ? args[++i] : "");
      }
    }
    return new PhaseOptions(
        args.length == 0 ? "" : args[0],
        Path.of(required(values, "--home")),
        Path.of(required(values, "--results")),
        Path.of(required(values, "--work")),
        Arrays.asList(args).contains(SMALL),
        Deadline.in(Double.parseDouble(required(values, "--seconds"))),
        Double.parseDouble(required(values, "--limit")));
  }

  private static String required(Map<String, String> values, String name) {
    String value = values.getOrDefault(name, "");
    if (value.isEmpty()) {
      throw new IllegalArgumentException(name + " is missing");
    }
    return value;
  }

  /** Returns the backend that the phase's name ends in. */
  String backend() {
    return phase.substring(phase.lastIndexOf('-') + 1);
  }

  /** Returns the first line of the bundle's list of files, which names its revision. */
  String bundle() {
    try (Stream<String> lines = Files.lines(home.resolve("MANIFEST.txt"))) {
      return lines.findFirst().orElse("");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns whether the next process goes on where one had to end, row by row. */
  boolean hasSlices() {
    return phase.startsWith("kernels-") || phase.startsWith("parity-");
  }

  /** Returns the sizes to measure. */
  Shapes shapes() {
    return Shapes.read(home.resolve("shapes.json"), small);
  }

  /** Returns the program's jar. */
  Path jar() {
    return home.resolve("lib/wanda-cuda.jar");
  }
}
