package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.Verifier.Claim;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.SparsityParser;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VerifierTest {
  private static final Path DENSE = TestData.fixture("llama-gqa").resolve("model");

  @TempDir Path directory;
  private Path pruned;

  @BeforeEach
  void prune() {
    pruned = directory.resolve("pruned");
    prune(DENSE, new Sparsity.Ratio(0.5), Method.WANDA);
  }

  private void prune(Path dense, Sparsity sparsity, Method method) {
    Calibration calibration =
        method == Method.MAGNITUDE
            ? new Calibration.None()
            : Pruning.samples(
                TestData.tokens(TestData.fixture("llama-gqa").resolve("tokens.json")));
    Pruning.prune(dense, pruned, method, sparsity, calibration);
  }

  private static List<String> verify(Path dense, Path pruned, Claim claim) {
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      return Verifier.verify(model, pruned, claim, 2).failures();
    }
  }

  private List<String> verify() {
    return verify(DENSE, pruned, Claim.NONE);
  }

  @Test
  void eachTensorIsToldOfAndTheLastOneIsAll() {
    List<String> told = new ArrayList<>();
    double[] share = {0};
    Progress progress =
        new Progress() {
          @Override
          public void bytes(long all) {
            told.add("bytes " + all);
          }

          @Override
          public void step(String what, long done, long total) {
            throw new AssertionError("tensors are unequal");
          }

          @Override
          public void step(String what, long done, long total, double part) {
            assertThat(part).isGreaterThan(share[0]);
            share[0] = part;
            told.add("%s %d of %d".formatted(what, done, total));
          }
        };
    try (ModelDirectory model = ModelDirectory.open(DENSE)) {
      Verifier.verify(model, pruned, Claim.NONE, 2, progress);
      List<TensorInfo> tensors =
          model.checkpoint().shards().stream().flatMap(file -> file.tensors().stream()).toList();
      int count = tensors.size();
      assertThat(told).hasSize(1 + count).endsWith("verified tensor %1$d of %1$d".formatted(count));
      assertThat(told.get(0))
          .isEqualTo("bytes " + tensors.stream().mapToLong(TensorInfo::bytes).sum());
    }
    assertThat(share[0]).isEqualTo(1);
  }

  @Test
  void whatTheJobWroteIsProven() {
    assertThat(verify()).isEmpty();
    assertThat(verify(DENSE, pruned, new Claim(null, new Sparsity.Ratio(0.5), null))).isEmpty();
    assertThat(verify(DENSE, pruned, new Claim(null, new Sparsity.Ratio(0.25), null))).isEmpty();
  }

  @Test
  void sideFilesMustBeThereAndEqual() throws IOException {
    Files.writeString(pruned.resolve("config.json"), "{}");
    Files.delete(pruned.resolve("model.safetensors.index.json"));
    assertThat(verify())
        .hasSize(2)
        .anyMatch(line -> line.contains("config.json") && line.contains("differs"))
        .anyMatch(line -> line.contains("index.json") && line.contains("missing"));
  }

  @Test
  void aMissingOrBrokenShardIsAFailure() throws IOException {
    Path shard = pruned.resolve("model-00002-of-00003.safetensors");
    try (RandomAccessFile out = new RandomAccessFile(shard.toFile(), "rw")) {
      out.setLength(out.length() - 4);
    }
    assertThat(verify()).anyMatch(line -> line.contains("model-00002-of-00003"));
    Files.delete(shard);
    assertThat(verify()).anyMatch(line -> line.contains("model-00002-of-00003"));
  }

  @Test
  void withoutItsRecordTheOptionsMustSayWhatToExpect() throws IOException {
    Files.delete(pruned.resolve("wanda-cuda.json"));
    assertThat(verify()).singleElement().asString().contains("`sparsity`");
    assertThat(verify(DENSE, pruned, new Claim(null, new Sparsity.Ratio(0.5), null))).isEmpty();
    assertThat(verify(DENSE, pruned, new Claim(null, new Sparsity.Ratio(0.9), null))).isNotEmpty();
  }

  @Test
  void aRecordThatIsNoneIsAFailure() throws IOException {
    for (String content : List.of("{", "[]", "{}", "{\"method\": \"wanda\", \"modules\": []}")) {
      Files.writeString(pruned.resolve("wanda-cuda.json"), content);
      assertThat(verify()).as(content).anyMatch(line -> line.contains("wanda-cuda.json"));
    }
  }

  @Test
  void aDirectoryThatIsntThereIsBadInput() {
    assertThatThrownBy(() -> verify(DENSE, directory.resolve("nowhere"), Claim.NONE))
        .isInstanceOf(InputException.class);
  }

  /**
   * Weights with many zeros of both signs and dead columns: the mask can't be read off the result
   * alone.
   */
  @ParameterizedTest
  @ValueSource(strings = {"0.3", "0.6", "1:4", "2:4", "magnitude"})
  void theMaskOfASourceWithZerosIsWorkedOut(String amount) throws IOException {
    Random random = new Random(5);
    float[] weights = new float[24 * 32];
    for (int i = 0; i < weights.length; i++) {
      int kind = random.nextInt(4);
      weights[i] = kind == 0 ? 0f : kind == 1 ? -0f : (float) random.nextGaussian();
    }
    float[] norms = new float[32];
    for (int column = 0; column < norms.length; column++) {
      norms[column] = random.nextInt(3) == 0 ? 0 : random.nextFloat();
    }
    Path dense = Files.createDirectory(directory.resolve("dense"));
    Files.writeString(dense.resolve("config.json"), "{}");
    new SafetensorsBytes()
        .f32("layers.0.q.weight", weights, 24, 32)
        .write(dense.resolve("model.safetensors"));
    Path statistics =
        new SafetensorsBytes()
            .metadata("format", "wanda-cuda.statistics.v1")
            .f32("layers.0.q.input_norm", norms, 32)
            .write(directory.resolve("statistics"));
    Path output = directory.resolve("zeros");
    boolean magnitude = amount.equals("magnitude");
    Sparsity sparsity =
        amount.contains(":")
            ? SparsityParser.pattern(amount)
            : new Sparsity.Ratio(magnitude ? 0.6 : Double.parseDouble(amount));
    // The job itself compares the mask that the selector gave with the one that is worked out.
    Pruning.prune(
        dense,
        output,
        magnitude ? Method.MAGNITUDE : Method.WANDA,
        sparsity,
        magnitude ? new Calibration.None() : Pruning.statistics(statistics));
    assertThat(verify(dense, output, Claim.NONE)).isEmpty();
  }
}
