package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.Around;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(300)
class InPlaceTest {
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");

  @TempDir Path directory;

  private static PruneRequest request(Path output, String method, String amount) {
    boolean wanda = method.equals("wanda");
    return Pruning.request(
        output,
        Method.of(method),
        Pruning.sparsity(amount),
        wanda ? Pruning.statistics(STATISTICS) : new Calibration.None());
  }

  private static RunResult inPlace(PruneRequest request, int threads, Progress progress) {
    try (ModelDirectory opened = ModelDirectory.open(request.output());
        Backend backend = Pruning.cpu(threads)) {
      return PruneJob.inPlace(opened, request).run(backend, progress, MaskSink.NONE, result -> {});
    }
  }

  private static void stop(PruneRequest request, int step) {
    Pruning.stopped(step, stop -> inPlace(request, 2, stop))
        .hasMessageContaining("run the same again");
    assertThat(UnfinishedRun.isIn(request.output())).isTrue();
    assertThat(request.output().resolve("wanda-cuda.json")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({"wanda, 0.5", "wanda, 2:4", "magnitude, 0.5", "magnitude, 4:8"})
  @FirstCases(2)
  void theModelBecomesWhatAnOutputWouldBe(String method, String amount) {
    Path output = directory.resolve("out");
    Pruning.prune(TestData.TINY_LLAMA, request(output, method, amount), 2);
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    PruneRequest request = request(model, method, amount);
    stop(request, 1);
    stop(request, 7);
    stop(request, 30);
    inPlace(request, 3, Progress.NONE);
    Directories.assertSame(output, model);
    inPlace(request, 1, Progress.NONE);
    Directories.assertSame(output, model);
  }

  /**
   * Every state that a crash can leave: any part of what has to go is zeroed. Values are few, so
   * that most lie on the threshold, where the index that it is found by goes astray first.
   */
  @ParameterizedTest
  @ValueSource(strings = {"0.5", "0.2", "0.9", "2:4"})
  @FirstCases(1)
  void aMatrixInAnyStateEndsTheSame(String amount) throws IOException {
    Random random = new Random(5);
    for (int round = 0; round < 20; round++) {
      float[] weights = new float[12 * 16];
      for (int i = 0; i < weights.length; i++) {
        weights[i] = (random.nextInt(7) - 3) * 0.5f;
      }
      Path model = directory.resolve("model" + round);
      Files.createDirectories(model);
      Files.writeString(model.resolve("config.json"), "{\"model_type\": \"any\"}");
      Path shard = model.resolve("model.safetensors");
      new SafetensorsBytes().f32("layers.0.q.weight", weights, 12, 16).write(shard);
      PruneRequest request = request(model, "magnitude", amount);
      Path output = directory.resolve("out" + round);
      Pruning.prune(model, request(output, "magnitude", amount), 1);
      float[] expected = TestData.floats(output.resolve("model.safetensors"), "layers.0.q.weight");

      stop(request, 1);
      float[] torn = weights.clone();
      for (int i = 0; i < torn.length; i++) {
        torn[i] = expected[i] == 0 && random.nextBoolean() ? 0 : torn[i];
      }
      new SafetensorsBytes().f32("layers.0.q.weight", torn, 12, 16).write(shard);
      inPlace(request, 1, Progress.NONE);
      Directories.assertSame(output, model);
    }
  }

  @Test
  void anotherRunHasToWaitForTheEndOfTheFirst() {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    stop(request(model, "wanda", "0.5"), 3);
    assertThatThrownBy(() -> inPlace(request(model, "wanda", "0.6"), 1, Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContainingAll("interrupted here", "sparsity (there 0.5, now 0.6)");
  }

  @ParameterizedTest
  @CsvSource({"wanda, 0.5", "magnitude, 0.5"})
  void theEndBetweenTheLastTwoStepsIsMadeUp(String method, String amount) throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    inPlace(request(model, method, amount), 2, Progress.NONE);
    Path expected = TestData.copy(model, directory.resolve("expected"));
    Path record = model.resolve("wanda-cuda.json");
    Files.move(record, model.resolve(Journal.FILE_NAME));
    RunResult result = inPlace(request(model, method, amount), 2, Progress.NONE);
    assertThat(result.wasFinished()).isTrue();
    Directories.assertSame(expected, model);
    Files.move(record, model.resolve(Journal.FILE_NAME));
    inPlace(request(model, "wanda", "0.7"), 2, Progress.NONE);
    assertThat(record).content().contains("0.7");
  }

  @Test
  void aThresholdThatNoRunFoundIsRefused() throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    stop(request(model, "magnitude", "0.5"), 3);
    byte[] stopped = Files.readAllBytes(model.resolve(Journal.FILE_NAME));
    int number = 0;
    for (Object bits : List.of(0x7fc00000, -1, 0x7f800000, "x", 99_999_999_999L, 0.5, Map.of())) {
      Files.write(model.resolve(Journal.FILE_NAME), stopped);
      try (Journal journal = Journal.open(model)) {
        assertThat(journal.records()).isNotEmpty();
        journal.append(Map.of("threshold", "model.layers.5.mlp.up_proj.weight", "bits", bits));
      }
      Path before = TestData.copy(model, directory.resolve("before" + number++));
      assertThatThrownBy(() -> inPlace(request(model, "magnitude", "0.5"), 1, Progress.NONE))
          .isInstanceOf(InputException.class)
          .hasMessageContainingAll(Journal.FILE_NAME, "threshold");
      Directories.assertSame(before, model);
    }
  }

  @Test
  void samplesAreRefused() {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    PruneRequest request =
        Pruning.request(
            model, Method.WANDA, Pruning.HALF, Pruning.samples(List.of(new int[] {1, 2, 3})));
    assertThatThrownBy(() -> inPlace(request, 1, Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("`statistics`");
    Directories.assertSame(TestData.TINY_LLAMA, model);
  }

  /** As a Hugging Face cache has it: the files are elsewhere, and other models may use them. */
  @Test
  void linksAreNotWrittenThrough() throws IOException {
    Path blobs = TestData.copy(TestData.TINY_LLAMA, directory.resolve("blobs"));
    Path model = Files.createDirectories(directory.resolve("snapshots/main"));
    for (Path file : Directories.files(blobs)) {
      Files.createSymbolicLink(model.resolve(file), blobs.resolve(file));
    }
    assertThatThrownBy(() -> inPlace(request(model, "wanda", "0.5"), 1, Progress.NONE))
        .isInstanceOf(OutputException.class)
        .hasMessageContainingAll("a link to", "never written to");
    Directories.assertSame(TestData.TINY_LLAMA, blobs);
    assertThat(model.resolve(".wanda-cuda.journal")).doesNotExist();
  }

  @Test
  void filesWithASecondNameAreNotWrittenTo() throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    Files.createLink(
        directory.resolve("second"), model.resolve("model-00002-of-00003.safetensors"));
    assertThatThrownBy(() -> inPlace(request(model, "wanda", "0.5"), 1, Progress.NONE))
        .isInstanceOf(OutputException.class)
        .hasMessageContainingAll("model-00002-of-00003.safetensors", "2 names");
    Directories.assertSame(TestData.TINY_LLAMA, model);
  }

  /** Changes the last bit of a weight that is kept. */
  private static Backend wrong(Backend backend) {
    Selector selector =
        Around.of(
            Selector.class,
            backend.selector(),
            new Object() {
              public SelectionPlan prepare(
                  DType dtype, int columns, float[] norms, SelectionRule rule) {
                return wrong(backend.selector().prepare(dtype, columns, norms, rule));
              }
            });
    return Around.of(
        Backend.class,
        backend,
        new Object() {
          public Selector selector(long weights) {
            return selector;
          }
        });
  }

  private static SelectionPlan wrong(SelectionPlan right) {
    return Around.of(
        SelectionPlan.class,
        right,
        new Object() {
          public Selection select(
              WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
            Selection selection = right.select(source, destination, mask);
            MemorySegment data = destination.data();
            long last = destination.byteOffset(destination.rows() - 1, destination.columns() - 1);
            byte bits = data.get(ValueLayout.JAVA_BYTE, last);
            data.set(ValueLayout.JAVA_BYTE, last, (byte) (bits ^ 1));
            return selection;
          }
        });
  }

  @Test
  void aWrongChangeIsNeverWritten() throws IOException {
    Path model = Files.createDirectory(directory.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"any\"}");
    Path shard = model.resolve("model.safetensors");
    new SafetensorsBytes().f32("layers.0.q.weight", new float[] {1, 2, 3, 4}, 1, 4).write(shard);
    byte[] before = Files.readAllBytes(shard);
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend cpu = Pruning.cpu(1)) {
      PruneJob job = PruneJob.inPlace(opened, request(model, "magnitude", "0.5"));
      assertThatThrownBy(() -> job.run(wrong(cpu), Progress.NONE, MaskSink.NONE, result -> {}))
          .isInstanceOf(io.github.wandacuda.error.VerificationException.class)
          .hasMessageContaining("layers.0.q.weight");
    }
    assertThat(shard).hasBinaryContent(before);
    assertThat(UnfinishedRun.isIn(model)).isTrue();
  }
}
