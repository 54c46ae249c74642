package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StatisticsTest {
  @TempDir Path directory;

  private static SafetensorsBytes file() {
    return new SafetensorsBytes()
        .metadata("format", Statistics.FORMAT, "samples", "3", "sequence_length", "8");
  }

  @Test
  void whatWasWrittenIsRead() {
    Path file = directory.resolve("statistics.safetensors");
    Statistics written =
        new Statistics(
            new TreeMap<>(Map.of("a.b", new float[] {0, 1.5f}, "a.c", new float[] {2})), 5, 7);
    AtomicWrite.replace(file, written.content());
    Statistics read = Statistics.read(file);
    assertThat(read.samples()).isEqualTo(5);
    assertThat(read.sequenceLength()).isEqualTo(7);
    assertThat(read.norms()).containsOnlyKeys("a.b", "a.c");
    assertThat(read.norms().get("a.b")).containsExactly(0, 1.5f);
  }

  @Test
  void equalStatisticsAreEqualBytes() throws IOException {
    Statistics statistics =
        Statistics.read(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"));
    AtomicWrite.replace(directory.resolve("one"), statistics.content());
    AtomicWrite.replace(directory.resolve("two"), statistics.content());
    assertThat(Files.mismatch(directory.resolve("one"), directory.resolve("two"))).isEqualTo(-1);
    assertThat(TestData.bytes(directory.resolve("one")).keySet())
        .isEqualTo(
            TestData.bytes(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors")).keySet());
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, -1})
  void aNormThatIsNoneIsNamedWithItsColumn(float norm) throws IOException {
    Path file =
        file().f32("m.q.input_norm", new float[] {1, norm}, 2).write(directory.resolve("s"));
    assertThatThrownBy(() -> Statistics.read(file))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll(file.toString(), "m.q.input_norm", "column 1", "" + norm);
  }

  @Test
  void otherFilesAreRefused() throws IOException {
    Path model = TestData.TINY_LLAMA.resolve("model-00001-of-00003.safetensors");
    assertThatThrownBy(() -> Statistics.read(model))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll(model.toString(), Statistics.FORMAT);
    Path strange = file().f32("m.q.weight", 2).write(directory.resolve("strange"));
    assertThatThrownBy(() -> Statistics.read(strange))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("m.q.weight");
    Path matrix = file().f32("m.q.input_norm", 2, 2).write(directory.resolve("matrix"));
    assertThatThrownBy(() -> Statistics.read(matrix))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("vector");
    for (String samples : List.of("many", "-3")) {
      Path count =
          new SafetensorsBytes()
              .metadata("format", Statistics.FORMAT, "samples", samples)
              .write(directory.resolve("count"));
      assertThatThrownBy(() -> Statistics.read(count))
          .isInstanceOf(InputException.class)
          .hasMessageContaining(samples);
    }
  }
}
