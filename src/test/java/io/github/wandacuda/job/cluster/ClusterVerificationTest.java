package io.github.wandacuda.job.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.verify.Verification;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Shards that a cluster checks are found to be what one machine finds. */
class ClusterVerificationTest {
  /** Less than any mask has, so that each module is a part. */
  private static final long A_MODULE = 1;

  @TempDir Path directory;
  private Path pruned;

  @BeforeEach
  void prune() {
    pruned = directory.resolve("pruned");
    Pruning.prune(
        TestData.TINY_LLAMA,
        pruned,
        Method.WANDA,
        new Sparsity.Ratio(0.5),
        Pruning.statistics(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors")));
  }

  private final List<Object> parts = new ArrayList<>();

  private Verification verify(Path dense, long maskBytes, Runnable before) {
    UnaryOperator<List<ClusterTask<?>>> backwards =
        tasks -> {
          before.run();
          parts.addAll(tasks);
          return tasks.reversed();
        };
    try (Cluster cluster = ClusterRuns.picking(backwards);
        ModelDirectory model = ModelDirectory.open(dense)) {
      return Verifier.verify(
          model, pruned, Verifier.Claim.NONE, new ClusterCheck(cluster, Progress.NONE, maskBytes));
    }
  }

  private void assertLikeOneMachine(int count) {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      Verification expected = Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE);
      assertThat(expected.count()).isEqualTo(count);
      for (long maskBytes : new long[] {A_MODULE, Long.MAX_VALUE}) {
        assertThat(verify(TestData.TINY_LLAMA, maskBytes, () -> {})).isEqualTo(expected);
      }
    }
  }

  private Path shard(int number) {
    return pruned.resolve("model-0000%d-of-00003.safetensors".formatted(number));
  }

  @Test
  void aPrunedModelIsProvenWhateverTheParts() {
    assertLikeOneMachine(0);
    assertThat(parts).hasSizeGreaterThan(10);
    parts.clear();
    verify(TestData.TINY_LLAMA, Long.MAX_VALUE, () -> {});
    assertThat(parts).hasSize(3);
  }

  @Test
  void damageInSeveralShardsIsListedInTheSameOrder() {
    for (int number = 1; number <= 3; number++) {
      Damage.flip(shard(number), -1, 0x40);
      Damage.flip(shard(number), -20_000, 0x40);
    }
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertLikeOneMachine(
          (int) Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE).count());
      assertThat(parts).isNotEmpty();
    }
  }

  @Test
  void aShardThatIsMissingOrShortIsToldOnce() throws IOException {
    Files.delete(shard(2));
    Damage.flip(shard(3), -1, 0x40);
    Damage.resize(shard(1), -8);
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertLikeOneMachine(
          (int) Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE).count());
    }
  }

  @Test
  void theMasksOfAllPartsAreTheRecords() throws IOException {
    Path record = pruned.resolve("wanda-cuda.json");
    String text = Files.readString(record);
    int at = text.indexOf("\"mask_sha256\"") + "\"mask_sha256\" : \"".length() + 5;
    char other = text.charAt(at) == '0' ? '1' : '0';
    Files.writeString(record, text.substring(0, at) + other + text.substring(at + 1));
    assertLikeOneMachine(1);
  }

  @Test
  void aMachineWithAnotherSourceSaysSoByTheUsersName() {
    Path dense = TestData.copy(TestData.TINY_LLAMA, directory.resolve("dense"));
    Path near = Path.of("").toAbsolutePath().relativize(dense);
    Runnable longer = () -> Damage.resize(dense.resolve("config.json"), 1);
    assertThatThrownBy(() -> verify(near, A_MODULE, longer))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(near + ": expected the same files on every machine");
  }
}
