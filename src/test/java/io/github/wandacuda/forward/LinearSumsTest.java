package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random linear layers on the pretended tensor cores of a T4, an A100 and an H100, whose sums have
 * terms of one sign, of all sizes, that cancel or that are subnormal: none is off by more than it
 * may be, and no bound is four times the worst that there is.
 */
@BesideCuda
@Tag("pretend")
@Thorough
class LinearSumsTest {
  private static final Path PROGRAM = Path.of("src/test/pretend-cuda/checks/forward.cpp");

  /** Fewer than 200 may miss a bound's worst case. */
  private static final int LAYERS = Math.max(200, Integer.getInteger("jqwik.tries.default", 1000));

  private static final long SECONDS = 600;

  @ParameterizedTest
  @ValueSource(ints = {75, 80, 90})
  void noSumIsOffByMoreThanItsBound(int capability) throws IOException {
    PretendCudaBuild.assumePossible();
    PretendCuda.build("--program", PROGRAM.toString());
    String program = PretendCuda.DIRECTORY.resolve("forward").toString();
    List<String> lines =
        Command.of(program, LAYERS, 1, "sums", capability)
            .within(SECONDS)
            .run()
            .succeeds()
            .out()
            .lines()
            .toList();
    assertThat(lines).hasSize(LAYERS);
    Map<String, Double> worst = new TreeMap<>();
    for (String line : lines) {
      String[] words = line.split(" ");
      Precision precision = Precision.valueOf(words[1].toUpperCase(Locale.ROOT));
      int columns = Integer.parseInt(words[3]);
      double share =
          Double.parseDouble(words[4]) / LinearError.bound(capability, precision, columns);
      assertThat(share).as(line).isBetween(0.0, 1.0);
      worst.merge(words[0] + " " + words[1], share, Math::max);
    }
    assertThat(worst).hasSize(4);
    assertThat(worst.values()).as(worst.toString()).allMatch(share -> share > 0.25);
  }
}
