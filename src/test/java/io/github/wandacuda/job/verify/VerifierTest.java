package io.github.wandacuda.job.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.verify.Verifier.Claim;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.select.SelectionRule.Lowest;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class VerifierTest {
  private static final Path DENSE = TestData.fixture("llama-gqa").resolve("model");
  private static final int ROWS = 37;
  private static final Lowest[] RULES = {
    new LowestPerRow(0),
    new LowestPerRow(20),
    new LowestPerGroup(1, 2),
    new LowestPerGroup(2, 4),
    new LowestPerGroup(4, 8),
    new LowestPerGroup(15, 16),
    new LowestPerGroup(30, 64),
    new LowestPerGroup(60, 128),
    new LowestPerGroup(1, 3),
    new LowestPerGroup(2, 5),
  };

  @TempDir Path directory;
  private Path pruned;

  @BeforeEach
  void prune() {
    pruned = directory.resolve("pruned");
    List<int[]> samples = TestData.tokens(TestData.fixture("llama-gqa").resolve("tokens.json"));
    Pruning.prune(DENSE, pruned, Method.WANDA, Pruning.HALF, Pruning.samples(samples));
  }

  private static Claim claim(double sparsity) {
    return new Claim(null, new Sparsity.Ratio(sparsity), null);
  }

  private static List<String> verify(Path dense, Path pruned, Claim claim) {
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      return Verifier.verify(model, pruned, claim, 2, Progress.NONE).failures();
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
    assertThat(verify(DENSE, pruned, claim(0.5))).isEmpty();
    assertThat(verify(DENSE, pruned, claim(0.25))).isEmpty();
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
    Damage.resize(shard, -4);
    assertThat(verify()).anyMatch(line -> line.contains("model-00002-of-00003"));
    Files.delete(shard);
    assertThat(verify()).anyMatch(line -> line.contains("model-00002-of-00003"));
  }

  @Test
  void withoutItsRecordTheOptionsMustSayWhatToExpect() throws IOException {
    Files.delete(pruned.resolve("wanda-cuda.json"));
    assertThat(verify()).singleElement().asString().contains("`sparsity`");
    assertThat(verify(DENSE, pruned, claim(0.5))).isEmpty();
    assertThat(verify(DENSE, pruned, claim(0.9))).isNotEmpty();
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
    Sparsity sparsity = Pruning.sparsity(magnitude ? "0.6" : amount);
    // The job itself compares the mask that the selector gave with the one that is worked out.
    Pruning.prune(
        dense,
        output,
        magnitude ? Method.MAGNITUDE : Method.WANDA,
        sparsity,
        magnitude ? new Calibration.None() : Pruning.statistics(statistics));
    assertThat(verify(dense, output, Claim.NONE)).isEmpty();
  }

  /** What one row should be found to be, element by element. */
  private static final class Expected {
    private final int[] before;
    private final int[] after;
    private final Lowest rule;
    private final int sign;
    private final boolean[] kept;
    private boolean keepsOrZeroes = true;
    private boolean hasItsZeros = true;
    private int zeros;

    Expected(int[] before, int[] after, Lowest rule, DType dtype) {
      this.before = before;
      this.after = after;
      this.rule = rule;
      sign = dtype == DType.F32 ? 0x8000_0000 : 0x8000;
      kept = new boolean[before.length];
      int size = rule.groupSize(before.length);
      for (int from = 0; from < before.length; from += size) {
        group(from, from + size);
      }
    }

    private boolean isZero(int bits) {
      return (bits & ~sign) == 0;
    }

    private void group(int from, int to) {
      int found = 0;
      int changed = 0;
      for (int column = from; column < to; column++) {
        keepsOrZeroes &= after[column] == before[column] || after[column] == 0;
        found += isZero(after[column]) ? 1 : 0;
        changed += isZero(after[column]) && !isZero(before[column]) ? 1 : 0;
      }
      hasItsZeros &= found >= rule.perGroup();
      zeros += found;
      int left = rule.perGroup() - changed;
      for (int column = from; column < to; column++) {
        kept[column] = !isZero(after[column]) || (isZero(before[column]) && left-- <= 0);
      }
    }
  }

  private static int value(DType dtype, Random random, int zeroShare) {
    int sign = dtype == DType.F32 ? 0x8000_0000 : 0x8000;
    int greatest = sign - 1;
    int[] magnitudes = {1, 2, greatest, greatest - 1, 0x7f80, 0x7c00, 0x0100, 0x4000};
    int magnitude =
        random.nextInt(100) < zeroShare ? 0 : magnitudes[random.nextInt(magnitudes.length)];
    return magnitude | (random.nextBoolean() ? sign : 0);
  }

  @ParameterizedTest
  @EnumSource
  @FirstCases(1)
  void agreesWithOneThatLooksAtElements(DType dtype) {
    Random random = new Random(7);
    int[] seen = new int[4];
    for (PlacedMatrix.Layout layout : PlacedMatrix.Layout.values()) {
      for (int columns : new int[] {1, 2, 3, 5, 8, 31, 32, 63, 64, 65, 120, 128, 129, 192, 320}) {
        for (Lowest rule : RULES) {
          if (columns % rule.groupSize(columns) == 0) {
            compare(dtype, layout, columns, rule, random, seen);
          }
        }
      }
    }
    assertThat(seen).as("rows that were right and wrong, with and without zeros").doesNotContain(0);
  }

  private static void compare(
      DType dtype,
      PlacedMatrix.Layout layout,
      int columns,
      Lowest given,
      Random random,
      int[] seen) {
    Lowest rule =
        given instanceof LowestPerRow
            ? new LowestPerRow(Math.min(columns, given.perGroup()))
            : given;
    int[][] before = new int[ROWS][columns];
    int[][] after = new int[ROWS][columns];
    for (int row = 0; row < ROWS; row++) {
      int ownZeros = row % 3 == 0 ? 0 : 30;
      for (int column = 0; column < columns; column++) {
        before[row][column] = value(dtype, random, ownZeros);
        boolean pruned = random.nextInt(100) < 10 + row * 2;
        after[row][column] = pruned ? 0 : before[row][column];
      }
      if (row % 5 == 0) {
        int column = random.nextInt(columns);
        after[row][column] = value(dtype, random, 50);
      }
    }
    PlacedMatrix dense = PlacedMatrix.of(layout, dtype, ROWS, columns).filled(before);
    PlacedMatrix pruned = PlacedMatrix.of(layout, dtype, ROWS, columns).filled(after);
    RowCheck check = new RowCheck(dtype, columns, rule, false);
    long rowBytes = Selector.maskRowBytes(columns);
    byte[] mask = new byte[(int) (ROWS * rowBytes)];
    Arrays.fill(mask, (byte) 0x5a);
    for (int row = 0; row < ROWS; row++) {
      Expected expected = new Expected(before[row], after[row], rule, dtype);
      check.read(dense.view(), pruned.view(), row);
      String what = "%s, %d columns, %s, row %d".formatted(layout, columns, rule, row);
      assertThat(check.keepsOrZeroes()).as(what).isEqualTo(expected.keepsOrZeroes);
      assertThat(check.hasItsZeros()).as(what).isEqualTo(expected.hasItsZeros);
      assertThat(check.zeros()).as(what).isEqualTo(expected.zeros);
      check.writeMask(MemorySegment.ofArray(mask), row);
      byte[] bits = new byte[(int) rowBytes];
      int kept = 0;
      for (int column = 0; column < columns; column++) {
        bits[column / 8] |= (byte) (expected.kept[column] ? 1 << column % 8 : 0);
        kept += expected.kept[column] ? 1 : 0;
      }
      int start = (int) (row * rowBytes);
      assertThat(Arrays.copyOfRange(mask, start, start + bits.length)).as(what).isEqualTo(bits);
      assertThat(check.pruned()).as(what).isEqualTo(columns - kept);
      seen[expected.keepsOrZeroes ? 0 : 1]++;
      seen[expected.hasItsZeros ? 2 : 3]++;
    }
  }
}
