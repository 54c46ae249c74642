package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Several workers, shards and modules at a time. */
@Timeout(120)
class StreamingTest {
  private static final int SHARDS = 3;
  private static final int BLOCKS = 12;
  private static final int MODULES = 3 * BLOCKS;

  private static final Random RANDOM = new Random(9);
  private static final SortedMap<String, float[]> NORMS = new TreeMap<>();

  @TempDir static Path model;
  @TempDir Path directory;

  private static String shard(int index) {
    return "model-%d.safetensors".formatted(index);
  }

  /**
   * Makes a model whose tensors have odd sizes: some are larger than a tile, one is empty and so no
   * module, none starts at a page's beginning, and the digest's order of the blocks (0, 1, 10, 11,
   * 2, ...) is not that of the shards.
   */
  @BeforeAll
  static void writeModel() throws IOException {
    StringJoiner shardOf = new StringJoiner(",", "{\"weight_map\":{", "}}");
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"any\"}");
    for (int index = 0; index < SHARDS; index++) {
      Map<String, int[]> tensors = new LinkedHashMap<>();
      tensors.put("embedding" + index, new int[] {1777, 133 + index});
      for (int block = index * BLOCKS / SHARDS; block < (index + 1) * BLOCKS / SHARDS; block++) {
        tensors.put("h." + block + ".attn.weight", new int[] {257, 91});
        tensors.put("h." + block + ".plain.weight", new int[] {301, 517});
        tensors.put("h." + block + ".wide.weight", new int[] {3, 70_001});
        tensors.put("h." + block + ".none.weight", new int[] {0, 8});
        tensors.put("h." + block + ".bias", new int[] {5});
      }
      SafetensorsBytes file = new SafetensorsBytes();
      for (Map.Entry<String, int[]> tensor : tensors.entrySet()) {
        String name = tensor.getKey();
        int[] shape = tensor.getValue();
        file.f32(name, gaussians(Arrays.stream(shape).reduce(1, (a, b) -> a * b)), shape);
        shardOf.add("\"%s\":\"%s\"".formatted(name, shard(index)));
        if (name.endsWith(".weight")) {
          // As long as either side, whichever holds the inputs.
          NORMS.put(name.replace(".weight", ""), gaussians(shape[1]));
          NORMS.put(name.replace(".weight", "^T"), gaussians(shape[0]));
        }
      }
      file.write(model.resolve(shard(index)));
    }
    Files.writeString(model.resolve("model.safetensors.index.json"), shardOf.toString());
  }

  private static float[] gaussians(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = Math.abs((float) RANDOM.nextGaussian());
    }
    return values;
  }

  private Calibration statistics(boolean transposed) {
    SortedMap<String, float[]> vectors = new TreeMap<>();
    NORMS.forEach(
        (name, values) -> {
          if (name.endsWith("^T") == transposed) {
            vectors.put(name.replace("^T", "") + ".input_norm", values);
          }
        });
    Path file = directory.resolve("norms");
    AtomicWrite.replace(
        file, SafetensorsWriter.content(vectors, Map.of("format", "wanda-cuda.statistics.v1")));
    return Pruning.statistics(file);
  }

  private static RunResult prune(
      Path model, Path output, Calibration calibration, int threads, Progress progress) {
    // Checks what was written, and its masks, row by row.
    PruneRequest request = Pruning.request(output, Method.WANDA, Pruning.HALF, calibration);
    return Pruning.prune(model, request, threads, progress);
  }

  @ParameterizedTest
  @CsvSource({"any, false", "gpt2, true"})
  @FirstCases(1)
  void theOutputIsTheSameForAnyNumberOfWorkers(String type, boolean transposed) throws IOException {
    Path model = TestData.copy(StreamingTest.model, directory.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"%s\"}".formatted(type));
    Calibration calibration = statistics(transposed);
    Path alone = directory.resolve("alone");
    RunResult expected = prune(model, alone, calibration, 1, Progress.NONE);
    assertThat(expected.modules())
        .extracting(result -> result.module().name())
        .isSortedAccordingTo(TensorNames.NATURAL)
        .hasSize(MODULES);
    for (int threads : new int[] {2, 5}) {
      Path output = directory.resolve("with" + threads);
      RunResult result = prune(model, output, calibration, threads, Progress.NONE);
      assertThat(result.provenance().maskSha256()).isEqualTo(expected.provenance().maskSha256());
      assertThat(result.provenance().pruned()).isEqualTo(expected.provenance().pruned());
      assertThat(TestData.names(output)).isEqualTo(TestData.names(alone));
      for (int index = 0; index < SHARDS; index++) {
        assertThat(output.resolve(shard(index)))
            .hasSameBinaryContentAs(alone.resolve(shard(index)));
      }
    }
  }

  @Test
  void everyModuleIsAStepOfProgress() {
    StringJoiner steps = new StringJoiner(" ");
    prune(
        model,
        directory.resolve("out"),
        statistics(false),
        3,
        (what, done, total, share) -> {
          if (what.equals("module")) {
            steps.add(done + "/" + total);
          }
        });
    StringJoiner expected = new StringJoiner(" ");
    for (int done = 1; done <= MODULES; done++) {
      expected.add(done + "/" + MODULES);
    }
    assertThat(steps).hasToString(expected.toString());
  }

  @ParameterizedTest
  @CsvSource({"1", "3"})
  void aShardThatShrinksMeanwhileIsNamedAndNothingIsLeft(int threads) throws IOException {
    Path copy = TestData.copy(model, directory.resolve("model"));
    Path last = copy.resolve(shard(SHARDS - 1));
    long length = Files.size(last);
    Path output = directory.resolve("out");
    Progress shrink =
        (what, done, total, share) -> Damage.resize(last, length - 1 - last.toFile().length());
    assertThatThrownBy(() -> prune(copy, output, statistics(false), threads, shrink))
        .isInstanceOf(InputException.class)
        .hasMessage(
            "%s: expected %d bytes, as when the run began, found %d bytes"
                .formatted(last, length, length - 1));
    assertThat(output).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({"1", "3"})
  void anInterruptInTheMiddleLeavesAnUnfinishedOutput(int threads) {
    Path output = directory.resolve("out");
    Pruning.stopped(0, stop -> prune(model, output, statistics(false), threads, stop));
    assertThat(output.resolve("config.json")).doesNotExist();
    assertThat(output.resolve(".wanda-cuda.journal")).exists();
  }
}
