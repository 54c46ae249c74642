package io.github.wandacuda.bench.cases;

import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;

/** Has the program inspect the bundled model, which is next to nothing but starting. */
public final class StartUpCase {
  private static final int MODULES = 42;

  private final Program program;

  /**
   * Finds the program.
   *
   * @param directory where its output goes
   * @param jar the program
   */
  public StartUpCase(Path directory, Path jar) {
    program = new Program(directory, jar);
  }

  /** Runs once and returns the processor time that it took, of all threads, in seconds. */
  public double cpuSeconds() {
    double before = ChildTime.seconds();
    inspect();
    return ChildTime.seconds() - before;
  }

  /**
   * Runs once and looks at the answer.
   *
   * @throws IllegalStateException if it is wrong
   */
  public void check() {
    int modules = inspect().path("modules").size();
    if (modules != MODULES) {
      throw new IllegalStateException("%d modules, not %d".formatted(modules, MODULES));
    }
  }

  private JsonNode inspect() {
    return program
        .run(List.of("inspect", "--json", "--model", RealWeights.MODEL.toString()))
        .json();
  }
}
