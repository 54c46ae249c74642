package io.github.wandacuda.cli;

import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Models of every format in which chance has given tensors other shapes: the same ones in each run
 * of the first tier, others with the profile {@code all}. {@code -Dshapes.seed} brings a case back,
 * {@code -Dshapes.cases} tries more of each model. {@link OddShapesFuzzTest} has Jazzer choose.
 */
class OddShapesTest {
  private static final int CASES = Integer.getInteger("shapes.cases", Tier.isAll() ? 30 : 4);
  private static final long SEED = Tier.seed("shapes.seed", 33);

  /** Whose weights aren't quantized: dense ones, transposed ones, experts and stacks of them. */
  private static final List<String> PLAIN =
      List.of("llama-gqa", "gpt2", "mixtral", "granitemoe", "gpt_oss", "llama4_text");

  @TempDir Path directory;

  /** Returns the names of the fixtures that are changed. */
  static Stream<String> models() {
    return Stream.concat(TestData.quantized().stream(), PLAIN.stream());
  }

  @ParameterizedTest
  @MethodSource("models")
  void anyShapesArePrunedOrRefused(String name) throws IOException {
    for (int index = 0; index < CASES; index++) {
      long seed = SEED + index;
      Random random = new Random(31 * seed + name.hashCode());
      OddShapesTrial.run(
          TestData.fixture(name),
          random::nextInt,
          directory.resolve(String.valueOf(index)),
          "%s, -Dshapes.seed=%d".formatted(name, seed));
    }
  }
}
