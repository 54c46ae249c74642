package io.github.wandacuda.job.structure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.Sha256;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Experts;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Smaller models that are written anew: their bytes, and runs that are interrupted. */
class StructureJobTest {
  private static final Path MIXTRAL = TestData.fixture("mixtral").resolve("model");
  private static final long SHARD = 30_000;

  @TempDir Path directory;

  private static SortedMap<Integer, List<Integer>> removed(int... experts) {
    List<Integer> numbers = Arrays.stream(experts).boxed().toList();
    return new TreeMap<>(Map.of(0, numbers, 1, numbers));
  }

  static List<String> mixtures() {
    return TestData.quantized().stream()
        .filter(name -> expected(name).has("experts_removed"))
        .toList();
  }

  private static JsonNode expected(String name) {
    return TestData.json(TestData.fixture(name).resolve("expected.json"));
  }

  @ParameterizedTest
  @MethodSource("mixtures")
  void keptExpertsOfEveryFormatHaveTheirBytes(String name) {
    JsonNode run = expected(name).get("experts_removed");
    Path model = TestData.fixture(name).resolve("model");
    SortedMap<Integer, List<Integer>> gone = new TreeMap<>();
    List<Integer> numbers = run.get("removed").valueStream().map(JsonNode::asInt).toList();
    blocks(name).forEach(block -> gone.put(block, numbers));
    Path output = Experts.remove(model, directory.resolve("out"), gone);
    Map<String, String> digests = new TreeMap<>();
    run.get("tensors")
        .properties()
        .forEach(tensor -> digests.put(tensor.getKey(), tensor.getValue().asText()));
    assertThat(digests(output.resolve("model.safetensors"))).isEqualTo(digests);
    JsonNode config = TestData.json(output.resolve("config.json"));
    run.get("config")
        .properties()
        .forEach(key -> assertThat(config.get(key.getKey())).isEqualTo(key.getValue()));
    double perplexity = run.get("perplexity").doubleValue();
    try (CpuDecoder smaller = CpuDecoder.open(output, 2)) {
      assertThat(smaller.perplexity(TestData.tokens(TestData.fixture(name).resolve("tokens.json"))))
          .isCloseTo(perplexity, within(1e-5 * perplexity));
    }
    assertThat(verify(model, output)).isEmpty();
  }

  /** Returns the blocks that have mixtures: of DeepSeek V3 the first has none. */
  private static List<Integer> blocks(String name) {
    return name.contains("deepseek") ? List.of(1) : List.of(0, 1);
  }

  private static Map<String, String> digests(Path file) {
    Map<String, String> digests = new TreeMap<>();
    try (SafetensorsFile in = SafetensorsFile.open(file)) {
      for (TensorInfo tensor : in.stored()) {
        byte[] digest = Sha256.digest().digest(TensorBytes.of(in, tensor));
        digests.put(tensor.name(), HexFormat.of().formatHex(digest));
      }
    }
    return digests;
  }

  private static List<String> verify(Path dense, Path pruned) {
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      return Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE).failures();
    }
  }

  private void run(Path output, boolean resume, Progress progress, Runnable beforeEnd) {
    try (ModelDirectory model = ModelDirectory.open(MIXTRAL);
        Backend backend = Pruning.cpu(2)) {
      new StructureJob(Experts.request(output, removed(1), SHARD, resume), model)
          .run(backend, new PhaseClock(2), progress, Optional.empty(), beforeEnd);
    }
  }

  private static Map<String, String> bytes(Path folder) {
    Map<String, String> bytes = new TreeMap<>();
    TestData.names(folder)
        .forEach(
            name -> {
              try {
                byte[] content = Files.readAllBytes(folder.resolve(name));
                bytes.put(name, HexFormat.of().formatHex(content));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    return bytes;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 9, 20, 35})
  void interruptedRunsEndWithTheSameBytes(int steps) {
    Path whole = directory.resolve("whole");
    run(whole, false, Progress.NONE, () -> {});
    Path output = directory.resolve("out");
    AtomicInteger left = new AtomicInteger(steps);
    Progress interrupting =
        (what, done, all, share) -> {
          if (left.decrementAndGet() == 0) {
            throw new CancelledException("cancelled", null);
          }
        };
    assertThatThrownBy(() -> run(output, false, interrupting, () -> {}))
        .isInstanceOf(CancelledException.class);
    assertThat(UnfinishedRun.isIn(output)).isTrue();
    assertThatThrownBy(() -> run(output, false, Progress.NONE, () -> {}))
        .isInstanceOf(UsageException.class);
    run(output, true, Progress.NONE, () -> {});
    assertThat(bytes(output)).isEqualTo(bytes(whole));
  }

  @Test
  void shardsThatWereDamagedSinceAreWrittenAnew() throws IOException {
    Path output = directory.resolve("out");
    Runnable interrupt =
        () -> {
          throw new CancelledException("cancelled", null);
        };
    assertThatThrownBy(() -> run(output, false, Progress.NONE, interrupt))
        .isInstanceOf(CancelledException.class);
    assertThat(output.resolve("config.json")).doesNotExist();
    Path shard = output.resolve("model-00002-of-00007.safetensors");
    byte[] content = Files.readAllBytes(shard);
    content[content.length - 1] ^= 1;
    Files.write(shard, content);
    run(output, true, Progress.NONE, () -> {});
    assertThat(verify(MIXTRAL, output)).isEmpty();
    Map<String, String> before = bytes(output);
    run(output, true, Progress.NONE, () -> {});
    assertThat(bytes(output)).isEqualTo(before);
  }

  @Test
  void anotherRunIsNotResumed() {
    Path output = directory.resolve("out");
    run(output, false, Progress.NONE, () -> {});
    try (ModelDirectory model = ModelDirectory.open(MIXTRAL);
        Backend backend = Pruning.cpu(2)) {
      StructureJob other =
          new StructureJob(Experts.request(output, removed(2), SHARD, true), model);
      assertThatThrownBy(
              () ->
                  other.run(backend, new PhaseClock(2), Progress.NONE, Optional.empty(), () -> {}))
          .isInstanceOf(UsageException.class)
          .hasMessageContaining("removed (there {0=[1], 1=[1]}, now {0=[2], 1=[2]})");
    }
  }
}
