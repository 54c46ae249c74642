package io.github.wandacuda.select;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Within;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import io.github.wandacuda.testing.selection.GoldenSelection;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.Select;
import io.github.wandacuda.testing.selection.Values;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The lowest of each row. */
@EachBackend(variants = {TestedBackend.CUDA_FEW_BLOCKS, TestedBackend.CUDA_MANY_BLOCKS})
class SelectRowsTest extends SelectionCases {
  SelectRowsTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void aNormChangesWhatGoes() {
    float[] weights = {4, -1, 2, -3};
    select(weights, new float[] {1, 10, 1, 1}, new LowestPerRow(2));
    assertThat(weights).containsExactly(4, -1, 0, 0);
  }

  @Test
  void ofEqualScoresTheLowestColumnsGo() {
    float[] weights = {5, 1, -1, 1, 1, 0.5f};
    select(weights, null, new LowestPerRow(3));
    assertThat(weights).containsExactly(5, 0, 0, 1, 1, 0);
  }

  @Test
  void aKeptNegativeZeroStaysOne() {
    float[] weights = {-0.0f, 0.0f, -0.0f, 1};
    select(weights, null, new LowestPerRow(2));
    assertThat(weights).isEqualTo(new float[] {0.0f, 0.0f, -0.0f, 1});
  }

  @Test
  void infiniteScoresAreTies() {
    float[] weights = {3e38f, 2e38f, 1, 3e38f};
    select(weights, new float[] {10, 10, 1, 10}, new LowestPerRow(3));
    assertThat(weights).containsExactly(0, 0, 0, 3e38f);
  }

  @Test
  void subnormalScoresAreToldApart() {
    float[] weights = {3e-39f, 2e-39f, 1e-39f, 4e-39f};
    select(weights, new float[] {1, 1, 1, 1}, new LowestPerRow(2));
    assertThat(weights).containsExactly(3e-39f, 0, 0, 4e-39f);
  }

  @Test
  void aMatrixWithoutElementsHasNothingToPrune() {
    checkWithoutElements(new LowestPerRow(0));
  }

  @ParameterizedTest
  @EnumSource
  void everyWidthAgrees(DType dtype) {
    for (int columns = 1; columns <= 70; columns++) {
      Values values = Values.values()[columns % Values.values().length];
      Norms norms = Norms.values()[columns % Norms.values().length];
      for (int count : new int[] {0, 1, random.nextInt(columns + 1), columns - 1, columns}) {
        check(random, dtype, values, norms, 3, columns, new LowestPerRow(count));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyLayoutAgrees(DType dtype) {
    for (int columns : new int[] {1, 63, 64, 65, 300}) {
      checkAllLayouts(random, dtype, 5, columns, new LowestPerRow(columns / 2));
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyKindOfRowAgrees(DType dtype) {
    for (Values values : Values.values()) {
      for (Norms norms : Norms.values()) {
        int columns = 2000 + random.nextInt(2000);
        int count = random.nextInt(columns + 1);
        check(random, dtype, values, norms, 2, columns, new LowestPerRow(count));
      }
    }
  }

  /** Columns on both sides of what one of CUDA's kernels holds in registers. */
  @ParameterizedTest
  @CsvSource({
    "F32, 4095", "F16, 4096", "BF16, 4097", "F32, 7168", "F32, 7169",
    "F16, 8192", "BF16, 8193", "F16, 11008", "BF16, 14336", "F16, 14337",
    "F32, 16385"
  })
  @FirstCases(5)
  void everySizeAgrees(DType dtype, int columns) {
    checkAllValues(random, dtype, 2, columns, new LowestPerRow(columns / 2));
    checkAllValues(random, dtype, 1, columns, new LowestPerRow(1 + random.nextInt(columns - 1)));
  }

  @ParameterizedTest
  @EnumSource
  void nothingOrEverythingGoes(DType dtype) {
    for (int columns : new int[] {33, 1000, 9001}) {
      for (int count : new int[] {0, 1, columns - 1, columns}) {
        checkAllValues(random, dtype, 1, columns, new LowestPerRow(count));
      }
    }
  }

  /** Rows that a GPU reads again in each pass, since they fit nowhere. */
  @ParameterizedTest
  @CsvSource({"F16, 70000", "F32, 100003", "F16, 100003", "BF16, 100003", "F16, 300000"})
  @FirstCases(2)
  void longRowsAgree(DType dtype, int columns) {
    for (Values values :
        new Values[] {Values.GAUSSIAN, Values.FEW, Values.ZEROS, Values.CONSTANT}) {
      check(random, dtype, values, Norms.LOGNORMAL, 1, columns, new LowestPerRow(columns / 2));
      check(random, dtype, values, Norms.NONE, 1, columns, new LowestPerRow(columns / 3));
    }
  }

  /** 16 octaves below a row's highest score the search's first range ends. */
  @ParameterizedTest
  @EnumSource
  void scoresAroundTheEndOfTheFirstRangeAreToldApart(DType dtype) {
    int octave =
        switch (dtype) {
          case F32 -> 1 << 23;
          case F16 -> 1 << 10;
          case BF16 -> 1 << 7;
        };
    int columns = 600;
    int highest = Values.infinity(dtype) - octave;
    int[][] bits = new int[1][columns];
    Arrays.setAll(bits[0], c -> highest - 16 * octave + 1 + random.nextInt(40) - 20);
    bits[0][columns / 3] = highest;
    for (int count = 1; count < columns; count += 7) {
      check(dtype, bits, null, new LowestPerRow(count));
    }
  }

  /** More elements than are looked at one by one have scores with the same upper half. */
  @Test
  void scoresThatDifferInTheirLastBitsAreToldApart() {
    int[][] bits = new int[4][1000];
    for (int[] row : bits) {
      Arrays.setAll(row, c -> Float.floatToRawIntBits(1.5f) + random.nextInt(400));
    }
    check(DType.F32, bits, null, new LowestPerRow(333));
  }

  @ParameterizedTest
  @EnumSource
  void equalElementsGoByTheirColumns(DType dtype) {
    for (float value : new float[] {0, -0.0f, -1.5f, 0x1p-24f}) {
      for (int columns : new int[] {1, 64, 257, 1000}) {
        int[][] bits = filled(3, columns, Values.bits(dtype, value));
        for (int count : new int[] {0, 1, columns / 2, columns}) {
          check(dtype, bits, null, new LowestPerRow(count));
        }
      }
    }
  }

  @Test
  void manyRowsAgree() {
    check(random, DType.BF16, Values.GAUSSIAN, Norms.LOGNORMAL, 3000, 40, new LowestPerRow(20));
  }

  /** The CPU searches a row from the limit of the one before; none may depend on it. */
  @Test
  void rowsDoNotDependOnEachOther() {
    int columns = 600;
    int[][] bits = Values.SCALED_ROWS.matrix(random, DType.F32, 8, columns);
    PlacedMatrix together = dense(DType.F32, bits);
    PlacedMatrix apart = dense(DType.F32, bits);
    SelectionRule rule = new LowestPerRow(columns / 2);
    Select.once(selector(), together.view(), null, rule, together.view(), null);
    for (int r = 7; r >= 0; r--) {
      WeightMatrix row = apart.view().rows(r, 1);
      Select.once(selector(), row, null, rule, row, null);
    }
    assertThat(together.bytes()).isEqualTo(apart.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void anElementThatIsNotFiniteIsNamed(DType dtype) {
    for (int count : new int[] {0, 20, 1003}) {
      checkNonFinite(dtype, 1003, new LowestPerRow(count));
    }
  }

  @Test
  void aPlanKeepsTheNormsThatItWasMadeWith() {
    float[] norms = {1, 1, 1, 10};
    try (SelectionPlan plan = selector().prepare(DType.F32, 4, norms, new LowestPerRow(2))) {
      for (int i = 0; i < 2; i++) {
        float[] weights = {3, 2, 1, 1};
        WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 1, 4);
        plan.select(matrix, matrix, null);
        assertThat(weights).containsExactly(3, 0, 0, 1);
        norms[3] = 0.1f;
      }
    }
  }

  @Test
  void plansOfOneSelectorDoNotMix() {
    for (float[] kept : new float[][] {{0, 2, 0, 1}, {3, 2, 0, 0}}) {
      float[] norms = {kept[0] == 0 ? 0.1f : 1, 1, 1, kept[3] == 0 ? 0.1f : 10};
      float[] weights = {3, 2, 1, 1};
      select(weights, norms, new LowestPerRow(2));
      assertThat(weights).containsExactly(kept);
    }
  }

  @Test
  void callsMayOverlap() throws InterruptedException {
    int[][] bits = Values.GAUSSIAN.matrix(random, DType.BF16, 64, 512);
    SelectionRule rule = new LowestPerRow(1);
    PlacedMatrix[] copies =
        IntStream.range(0, 4).mapToObj(i -> dense(DType.BF16, bits)).toArray(PlacedMatrix[]::new);
    try (SelectionPlan shared = selector().prepare(DType.BF16, 512, null, rule)) {
      Thread[] threads =
          Arrays.stream(copies)
              .map(PlacedMatrix::view)
              .map(m -> Thread.ofPlatform().start(() -> shared.select(m, m, null)))
              .toArray(Thread[]::new);
      for (Thread thread : threads) {
        Within.end(thread);
      }
    }
    PlacedMatrix alone = dense(DType.BF16, bits);
    Select.once(selector(), alone.view(), null, rule, alone.view(), null);
    assertThat(copies).allSatisfy(c -> assertThat(c.bytes()).isEqualTo(alone.bytes()));
    check(DType.BF16, bits, null, rule);
  }

  @Test
  void callsOfSeveralThreadsDoNotMix() {
    IntStream.range(0, 12)
        .parallel()
        .forEach(
            i -> {
              LowestPerRow rule = new LowestPerRow(5 * i);
              RandomGenerator own = new SplittableRandom(i);
              check(own, DType.F32, Values.GAUSSIAN, Norms.LOGNORMAL, 20, 64, rule);
            });
  }

  @ParameterizedTest
  @ValueSource(ints = {50, 60, 70})
  void theMasksOfTheLittleLlamaAreWandas(int percent) {
    new GoldenSelection(selector()).rowsOfTinyLlama(percent);
  }

  @ParameterizedTest
  @FieldSource("io.github.wandacuda.testing.selection.GoldenSelection#FAMILIES")
  void theMasksOfTheFixturesAreWandas(String family) {
    new GoldenSelection(selector()).rowsOfFixture(family);
  }
}
