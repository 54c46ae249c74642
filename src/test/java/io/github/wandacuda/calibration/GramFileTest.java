package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GramFileTest {
  private static final float[] NORMS = {1, 2, 0};
  private static final float[] TRIANGLE = {1, -1.5f, 0, 4, 0, 0};

  @TempDir Path directory;

  private Path file(float[] triangle, int... shape) throws IOException {
    return new SafetensorsBytes()
        .metadata("format", Statistics.FORMAT, "samples", "3", "sequence_length", "8")
        .f32("m.q.input_gram", triangle, shape)
        .f32("m.q.input_norm", NORMS, NORMS.length)
        .write(directory.resolve("statistics"));
  }

  private static void refused(Path path, String... words) {
    try (GramFile file = GramFile.open(path);
        Arena memory = Arena.ofConfined()) {
      assertThatThrownBy(() -> file.read("m.q", NORMS, memory))
          .isInstanceOf(InputException.class)
          .hasMessageContainingAll(words)
          .hasMessageContaining(path.toString());
    }
  }

  @Test
  void aTriangleIsRead() throws IOException {
    Path path = file(TRIANGLE, 6);
    try (GramFile file = GramFile.open(path);
        Arena memory = Arena.ofConfined()) {
      assertThat(file.has("m.q")).isTrue();
      assertThat(file.has("m")).isFalse();
      Gram gram = file.read("m.q", NORMS, memory);
      assertThat(gram.get(1, 0)).isEqualTo(-1.5f);
      assertThat(gram.get(1, 1)).isEqualTo(4);
    }
    assertThat(Statistics.read(path).norms()).containsOnlyKeys("m.q");
  }

  @Test
  void anotherSizeOrShapeIsRefused() throws IOException {
    refused(file(TRIANGLE, 2, 3), "m.q.input_gram", "F32 [6]", "[2, 3]");
    refused(file(new float[3], 3), "m.q.input_gram", "the triangle of 3 columns", "[3]");
  }

  @ParameterizedTest
  @CsvSource({
    "1, NaN, 'a finite number at row 0, column 1', NaN",
    "2, Infinity, 'a finite number at row 0, column 2', Infinity",
    "1, 2.1, 'at most the product of the norms 1.0 and 2.0 at row 0, column 1', 2.1",
    "4, -1e-3, 'at most the product of the norms 2.0 and 0.0 at row 1, column 2', -0.001",
    "3, -1e-3, 'the square of the norm 2.0 at row 1, column 1', -0.001",
    "0, 1.1, 'the square of the norm 1.0 at row 0, column 0', 1.1",
    "3, -4, 'the square of the norm 2.0 at row 1, column 1', -4.0",
    "5, NaN, 'the square of the norm 0.0 at row 2, column 2', NaN"
  })
  void whatCannotBeIsNamedWithItsPlace(int element, float value, String expected, String found)
      throws IOException {
    float[] triangle = TRIANGLE.clone();
    triangle[element] = value;
    refused(file(triangle, 6), "m.q.input_gram", expected, found);
  }

  /** The square of 1e-25 is 0 in float32, its products with others aren't. */
  @Test
  void productsOfInputsWithoutASquareAreRead() throws IOException {
    float[] triangle = TRIANGLE.clone();
    triangle[4] = 1e-19f;
    try (GramFile file = GramFile.open(file(triangle, 6));
        Arena memory = Arena.ofConfined()) {
      assertThat(file.read("m.q", NORMS, memory).get(1, 2)).isEqualTo(1e-19f);
    }
  }

  @Test
  void aModuleWithoutAnyIsNamed() throws IOException {
    try (GramFile file = GramFile.open(file(TRIANGLE, 6));
        Arena memory = Arena.ofConfined()) {
      assertThatThrownBy(() -> file.read("m.k", NORMS, memory))
          .isInstanceOf(InputException.class)
          .hasMessageContainingAll("m.k.input_gram", "expected second moments, found none");
    }
  }
}
