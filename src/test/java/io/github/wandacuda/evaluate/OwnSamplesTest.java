package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a model writes to be calibrated on: as generating draws it, on each CPU backend the same.
 */
@EachBackend
class OwnSamplesTest {
  private static final int LENGTH = 24;
  private static final int BOS = 1;
  private static final String NAMED = "\"bos_token_id\": 1";
  private static final String END = "\"eos_token_id\": 2";

  /** Half of the vocabulary. */
  private static final Set<Integer> MANY =
      Set.copyOf(IntStream.range(0, 1024).map(id -> 2 * id).boxed().toList());

  private final OpenedBackend backend;

  @TempDir Path directory;

  OwnSamplesTest(OpenedBackend backend) {
    this.backend = backend;
  }

  private static int[][] write(Path path, Operations operations, int count, long seed) {
    try (ModelDirectory model = ModelDirectory.open(path)) {
      return OwnSamples.write(model, operations, count, LENGTH, seed, Progress.NONE);
    }
  }

  private int[][] write(Path path, int count, long seed) {
    return write(path, backend.operations().getLast(), count, seed);
  }

  /** The bundled model with another config. */
  private Path changed(String... pairs) throws IOException {
    Path copy = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    for (int pair = 0; pair < pairs.length; pair += 2) {
      TestData.replace(copy.resolve("config.json"), pairs[pair], pairs[pair + 1]);
      Files.deleteIfExists(copy.resolve("generation_config.json"));
    }
    return copy;
  }

  /** Draws the same by what generates texts, from a prompt that is the first token alone. */
  @Test
  void aSampleIsWhatTheModelGenerates() {
    int[][] samples = write(TestData.TINY_LLAMA, 2, 5);
    Operations operations = backend.operations().getLast();
    Sampler sampler = Sampler.of(1, 1, 5);
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Decoder decoder =
            DecoderFamilies.of(model.config()).open(model, operations, WeightKeeping.RESIDENT)) {
      for (int[] sample : samples) {
        try (CachedDecoder cached = new CachedDecoder(decoder, LENGTH)) {
          List<Integer> expected = new ArrayList<>(List.of(BOS));
          int[] prompt = {BOS};
          expected.addAll(
              Generation.run(cached, prompt, LENGTH - 1, sampler, Set.of(), id -> {}).tokens());
          assertThat(sample).containsExactly(expected.stream().mapToInt(id -> id).toArray());
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "qwen2_moe", "qwen3_next"})
  void theCpuWritesWhatTheScalarCodeWrites(String name) {
    assumeFalse(backend.which().isGpu(), "GPUs add in another order");
    Path model = TestData.fixture(name).resolve("model");
    int[][] samples = write(model, 3, 7);
    assertThat(samples).isDeepEqualTo(write(model, backend.scalar(), 3, 7));
    assertThat(Arrays.copyOf(samples, 2)).isDeepEqualTo(write(model, 2, 7));
    assertThat(samples[0]).isNotEqualTo(samples[1]).isNotEqualTo(write(model, 1, 8)[0]);
  }

  @Test
  void anotherTextBeginsBehindAnEnd() throws IOException {
    int[] sample = write(changed(END, "\"eos_token_id\": " + MANY), 1, 3)[0];
    int ended = 0;
    for (int at = 1; at < LENGTH; at++) {
      if (MANY.contains(sample[at - 1])) {
        assertThat(sample[at]).isEqualTo(BOS);
        ended++;
      }
    }
    assertThat(ended).isGreaterThan(2);
  }

  /** Its beginning would else never end. */
  @Test
  void oneTokenMayBeginAndEnd() throws IOException {
    int[] sample = write(changed(END, "\"eos_token_id\": 1"), 1, 3)[0];
    assertThat(sample).isEqualTo(write(TestData.TINY_LLAMA, 1, 3)[0]);
  }

  @Test
  void withoutAFirstTokenAnyIsDrawn() throws IOException {
    int[][] samples = write(changed(NAMED, "\"bos_token_id\": null"), 3, 9);
    Random random = new Random(~9L);
    int[] first = Stream.of(samples).mapToInt(sample -> sample[0]).toArray();
    assertThat(first)
        .containsExactly(IntStream.generate(() -> random.nextInt(2048)).limit(3).toArray())
        .doesNotHaveDuplicates();
  }

  @Test
  void aFirstTokenIsOneOfTheVocabulary() throws IOException {
    Path model = changed(NAMED, "\"bos_token_id\": 2048");
    assertThatThrownBy(() -> write(model, 1, 0))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("bos_token_id")
        .hasMessageContaining("2048");
  }
}
