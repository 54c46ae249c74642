package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.OddShapes;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Has the commands work on a model of odd shapes. Each succeeds or says in one line what is wrong,
 * in bounded time, and what is written is proven by verify.
 */
final class OddShapesTrial {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final String what;

  private OddShapesTrial(String what) {
    this.what = what;
  }

  /**
   * Tries a model.
   *
   * @param fixture the folder of what is changed
   * @param name for messages: what brings the trial back
   */
  static void run(Path fixture, OddShapes.Chance chance, Path directory, String name)
      throws IOException {
    Path model = directory.resolve("model");
    String changes = OddShapes.write(fixture.resolve("model"), chance, model);
    OddShapesTrial trial = new OddShapesTrial("%s: %s".formatted(name, changes));
    trial.line("inspect --quiet --modules --model %s", model);
    Path pruned = directory.resolve("pruned");
    if (trial.prunes(model, pruned, "--method magnitude")) {
      trial.line("verify --quiet --dense %s --pruned %s", model, pruned).succeeds();
      Path packed = directory.resolve("packed");
      if (trial.line("pack --quiet --model %s --output %s", pruned, packed).exitCode() == 0) {
        trial.line("verify --quiet --dense %s --pruned %s", model, packed).succeeds();
      }
    }
    for (String structure : new String[] {"experts", "channels"}) {
      Path smaller = directory.resolve(structure);
      String options =
          "--structure %s --remove 1 --calibration %s --samples 2"
              .formatted(structure, fixture.resolve("tokens.json"));
      if (trial.prunes(model, smaller, options)) {
        trial.line("verify --quiet --dense %s --pruned %s", model, smaller).succeeds();
      }
    }
  }

  private boolean prunes(Path model, Path output, String options) {
    String line = "prune --quiet --backend cpu --threads 2 --model %s --output %s ";
    return line(line + options, model, output).exitCode() == 0;
  }

  private Ended line(String line, Object... values) {
    Ended ended =
        assertTimeoutPreemptively(
            PATIENCE, () -> InProcess.line(line, values), () -> line + ": " + what);
    assertThat(ended.exitCode()).as("%s: %s: %s", line, what, ended.err()).isIn(0, 2, 3);
    if (ended.exitCode() != 0) {
      assertThat(ended.errors()).as(what).singleElement().asString().doesNotContain("Exception");
    }
    return ended;
  }
}
