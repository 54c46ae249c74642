package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.ZeroNorms;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Thorough;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The library as another program uses it: its own weights, in its own memory, pruned where they
 * are, into other memory, or to a mask.
 */
class PruneCallsTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);
  private static final Sparsity TWO_OF_FOUR = new Sparsity.GroupPattern(2, 4);

  /** Large enough for many tiles, with a last row group that is short. */
  private static final int ROWS = 999;

  private static final int COLUMNS = 600;

  @AutoClose private final Pruner pruner = Pruner.builder().backend("cpu").threads(3).open();

  @Test
  void prunesAnArrayInPlace() {
    float[] weights = {3, -1, 2, 0.5f, -4, 5, -6, 7};
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 2, 4);
    PruneResult result = pruner.prune(matrix, Criterion.wanda(new float[] {1, 10, 1, 1}), HALF);
    assertThat(result).isEqualTo(new PruneResult(2, 4, 4, 4));
    assertThat(result.elements()).isEqualTo(8);
    assertThat(result.sparsity()).isEqualTo(0.5);
    assertThat(weights).containsExactly(3, -1, 0, 0, 0, 5, 0, 7);
  }

  @Test
  void prunesATensorInsideMemoryOfSomebodyElse() {
    int stride = 128;
    int columns = 96;
    MemorySegment memory = Arena.ofAuto().allocate(2L * 37 * stride);
    Random random = new Random(7);
    for (long i = 0; i < 37L * stride; i++) {
      memory.setAtIndex(
          ValueLayout.JAVA_SHORT, i, Float.floatToFloat16((float) random.nextGaussian()));
    }
    MemorySegment before = MemorySegment.ofArray(memory.toArray(ValueLayout.JAVA_BYTE));
    WeightMatrix view = new WeightMatrix(memory, DType.F16, 37, columns, stride, 1);
    WeightMatrix source = Weights.copy(view);
    float[] norms = Weights.norms(columns, 7);
    assertThat(pruner.prune(view, Criterion.wanda(norms), TWO_OF_FOUR).pruned())
        .isEqualTo(37 * columns / 2);
    Weights.check(view, source, Weights.kept(source, norms, TWO_OF_FOUR));
    for (int row = 0; row < 37; row++) {
      long at = 2L * (row * stride + columns);
      long count = 2L * (stride - columns);
      assertThat(memory.asSlice(at, count).mismatch(before.asSlice(at, count)))
          .as("what lies between the rows stays")
          .isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @EnumSource
  @Thorough
  void prunesInPlaceIntoADestinationAndToAMaskAlike(DType dtype) {
    WeightMatrix source = Weights.random(dtype, ROWS, COLUMNS, 1);
    float[] norms = Weights.norms(COLUMNS, 2);
    boolean[][] kept = Weights.kept(source, norms, HALF);
    byte[] before = Weights.bytes(source);
    WeightMatrix readOnly = WeightMatrix.of(source.data().asReadOnly(), dtype, ROWS, COLUMNS);

    Mask mask = Mask.allocate(ROWS, COLUMNS);
    PruneResult masked =
        pruner.mask(readOnly, mask, Criterion.wanda(norms), HALF, PruneOptions.DEFAULT);
    assertThat(Weights.bytes(mask)).isEqualTo(Weights.bytes(Weights.mask(kept)));
    assertThat(Weights.bytes(source)).as("unchanged").isEqualTo(before);

    WeightMatrix destination = Weights.random(dtype, ROWS, COLUMNS, 3);
    Mask beside = Mask.allocate(ROWS, COLUMNS);
    PruneResult copied =
        pruner.prune(
            readOnly,
            destination,
            Criterion.wanda(norms),
            HALF,
            PruneOptions.DEFAULT.withMask(beside));
    Weights.check(destination, source, kept);
    assertThat(Weights.bytes(beside)).isEqualTo(Weights.bytes(mask));
    assertThat(Weights.bytes(source)).as("unchanged").isEqualTo(before);

    PruneResult inPlace = pruner.prune(source, Criterion.wanda(norms), HALF);
    assertThat(Weights.bytes(source)).isEqualTo(Weights.bytes(destination));
    assertThat(inPlace)
        .isEqualTo(copied)
        .isEqualTo(masked)
        .isEqualTo(new PruneResult(ROWS, COLUMNS, Weights.pruned(kept), inPlace.zeros()));
    assertThat(inPlace.zeros()).isGreaterThanOrEqualTo(inPlace.pruned());
  }

  @ParameterizedTest
  @EnumSource
  @FirstCases(1)
  void prunesALayerThatIsStoredTheOtherWayRound(DType dtype) {
    WeightMatrix view = Weights.random(dtype, COLUMNS, ROWS, 1).transposed();
    WeightMatrix source = Weights.copy(view);
    float[] norms = Weights.norms(COLUMNS, 2);
    Mask mask = Mask.allocate(ROWS, COLUMNS);
    pruner.prune(view, Criterion.wanda(norms), TWO_OF_FOUR, PruneOptions.DEFAULT.withMask(mask));
    boolean[][] kept = Weights.kept(source, norms, TWO_OF_FOUR);
    Weights.check(view, source, kept);
    assertThat(Weights.bytes(mask)).isEqualTo(Weights.bytes(Weights.mask(kept)));

    WeightMatrix across = Weights.random(dtype, COLUMNS, ROWS, 1).transposed();
    pruner.prune(source, across, Criterion.wanda(norms), TWO_OF_FOUR, PruneOptions.DEFAULT);
    assertThat(Weights.bytes(across)).isEqualTo(Weights.bytes(view));
  }

  @Test
  void theSameMatrixAsDestinationIsPrunedInPlace() {
    MemorySegment memory = Weights.random(DType.F32, 8, 8, 1).data();
    WeightMatrix one = WeightMatrix.of(memory, DType.F32, 8, 8);
    WeightMatrix same = WeightMatrix.of(memory.asSlice(0, 256).asReadOnly(), DType.F32, 8, 8);
    WeightMatrix source = Weights.copy(one);
    pruner.prune(same, one, Criterion.magnitude(), TWO_OF_FOUR, PruneOptions.DEFAULT);
    Weights.check(one, source, Weights.kept(source, null, TWO_OF_FOUR));
  }

  @Test
  void magnitudeTakesAllUpToTheSortedOneAtTheIndex() {
    Random random = new Random(3);
    float[] weights = new float[50 * 40];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.round(random.nextGaussian() * 20) / 8f;
    }
    float[] sorted = new float[weights.length];
    for (int i = 0; i < weights.length; i++) {
      sorted[i] = Math.abs(weights[i]);
    }
    Arrays.sort(sorted);
    float threshold = sorted[(int) Math.floor(weights.length * 0.37)];
    float[] expected = weights.clone();
    int count = 0;
    for (int i = 0; i < expected.length; i++) {
      if (Math.abs(expected[i]) <= threshold) {
        expected[i] = 0;
        count++;
      }
    }
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 50, 40);
    assertThat(pruner.prune(matrix, Criterion.magnitude(), new Sparsity.Ratio(0.37)).pruned())
        .isEqualTo(count);
    assertThat(weights).isEqualTo(expected);
  }

  @Test
  void magnitudeFindsAThresholdOfManyTiles() {
    WeightMatrix matrix = Weights.random(DType.BF16, ROWS, COLUMNS, 4);
    double[] sorted = new double[ROWS * COLUMNS];
    for (int i = 0; i < sorted.length; i++) {
      sorted[i] = Math.abs(matrix.get(i / COLUMNS, i % COLUMNS));
    }
    Arrays.sort(sorted);
    double threshold = sorted[sorted.length / 2];
    long expected = Arrays.stream(sorted).filter(value -> value <= threshold).count();
    assertThat(pruner.prune(matrix, Criterion.magnitude(), HALF).pruned()).isEqualTo(expected);
  }

  @Test
  void magnitudeFindsAThresholdThatDiffersInItsLowestBits() {
    float[] weights = new float[64];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Float.intBitsToFloat(0x3f800000 + (i * 29) % 64);
    }
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 8, 8);
    assertThat(pruner.prune(matrix, Criterion.magnitude(), new Sparsity.Ratio(0.25)).pruned())
        .isEqualTo(17);
  }

  @Test
  void emptyMatricesHaveNothingToPrune() {
    WeightMatrix none = WeightMatrix.of(MemorySegment.ofArray(new float[0]), DType.F32, 0, 4);
    assertThat(pruner.prune(none, Criterion.wanda(new float[] {1, 1, 1, 1}), HALF))
        .isEqualTo(new PruneResult(0, 4, 0, 0));
    assertThat(pruner.prune(none, Criterion.magnitude(), HALF).sparsity()).isZero();
    WeightMatrix narrow = WeightMatrix.of(MemorySegment.ofArray(new float[0]), DType.F32, 4, 0);
    assertThat(pruner.prune(narrow, Criterion.wanda(new float[0]), HALF).elements()).isZero();
  }

  @Test
  void namesAWeightThatIsNotFinite() {
    float[] weights = new float[3000 * 80];
    Arrays.fill(weights, 1);
    weights[2222 * 80 + 3] = Float.NaN;
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 3000, 80);
    assertThatThrownBy(() -> pruner.prune(matrix, Criterion.magnitude(), TWO_OF_FOUR))
        .isInstanceOfSatisfying(
            NonFiniteWeightException.class,
            e -> assertThat(new int[] {e.row(), e.column()}).containsExactly(2222, 3));
    assertThat(weights).as("pruned in part").contains(0f);
    assertThatThrownBy(() -> pruner.prune(matrix, Criterion.magnitude(), HALF))
        .as("while the threshold is found")
        .isInstanceOfSatisfying(
            NonFiniteWeightException.class, e -> assertThat(e.row()).isEqualTo(2222));
  }

  @ParameterizedTest
  @EnumSource
  void checkedWeightsStayAsTheyAreIfOneIsNotFinite(DType dtype) {
    PruneOptions checked = PruneOptions.DEFAULT.withWeightsChecked(true);
    WeightMatrix matrix = Weights.random(dtype, ROWS, COLUMNS, 5);
    Weights.set(matrix, 997, 598, Float.NEGATIVE_INFINITY);
    byte[] before = Weights.bytes(matrix);
    Criterion wanda = Criterion.wanda(Weights.norms(COLUMNS, 1));
    assertThatThrownBy(() -> pruner.prune(matrix, wanda, HALF, checked))
        .isInstanceOfSatisfying(
            NonFiniteWeightException.class,
            e -> assertThat(new int[] {e.row(), e.column()}).containsExactly(997, 598));
    assertThat(Weights.bytes(matrix)).isEqualTo(before);
    Weights.set(matrix, 997, 598, 1);
    assertThat(pruner.prune(matrix, wanda, HALF, checked).pruned()).isPositive();
  }

  @Test
  void whereAllNormsAreZeroTheCallerSaysWhatIsDone() {
    WeightMatrix matrix = Weights.random(DType.F32, 20, 32, 6);
    WeightMatrix source = Weights.copy(matrix);
    Criterion zeros = Criterion.wanda(new float[32]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> pruner.prune(matrix, zeros, HALF))
        .withMessageContaining("norms: expected one above 0, found zeros alone");
    assertThat(Weights.bytes(matrix)).isEqualTo(Weights.bytes(source));

    Mask mask = Mask.allocate(20, 32);
    PruneOptions keep = PruneOptions.DEFAULT.withZeroNorms(ZeroNorms.KEEP).withMask(mask);
    assertThat(pruner.prune(matrix, zeros, HALF, keep)).isEqualTo(new PruneResult(20, 32, 0, 0));
    assertThat(Weights.bytes(matrix)).isEqualTo(Weights.bytes(source));
    assertThat(mask.pruned()).isZero();

    PruneOptions magnitude = PruneOptions.DEFAULT.withZeroNorms(ZeroNorms.MAGNITUDE);
    assertThat(pruner.prune(matrix, zeros, HALF, magnitude).pruned()).isEqualTo(20 * 16);
    Weights.check(matrix, source, Weights.kept(source, null, HALF));
  }

  @Test
  void aShareOfNothingChangesNothing() {
    WeightMatrix matrix = Weights.random(DType.F32, 20, 32, 1);
    byte[] before = Weights.bytes(matrix);
    assertThat(pruner.prune(matrix, Criterion.magnitude(), new Sparsity.Ratio(0)).pruned())
        .isZero();
    assertThat(Weights.bytes(matrix)).isEqualTo(before);
  }

  @Test
  void progressComesToAllRows() {
    Queue<Long> heard = new ConcurrentLinkedQueue<>();
    WeightMatrix matrix = Weights.random(DType.F16, ROWS, COLUMNS, 1);
    pruner.prune(
        matrix,
        Criterion.magnitude(),
        HALF,
        PruneOptions.DEFAULT.withProgress(
            (done, total) -> {
              assertThat(total).isEqualTo(ROWS);
              heard.add(done);
            }));
    assertThat(heard).hasSizeGreaterThan(2).doesNotHaveDuplicates().contains((long) ROWS);
  }

  @Test
  void whatProgressThrowsEndsTheCall() {
    WeightMatrix matrix = Weights.random(DType.F16, ROWS, COLUMNS, 1);
    PruneOptions failing =
        PruneOptions.DEFAULT.withProgress(
            (done, total) -> {
              throw new ArithmeticException("of the caller");
            });
    assertThatThrownBy(() -> pruner.prune(matrix, Criterion.magnitude(), TWO_OF_FOUR, failing))
        .isInstanceOf(ArithmeticException.class)
        .hasMessage("of the caller");
  }

  @Test
  void saysWhereItRuns() {
    assertThat(pruner.backend()).isEqualTo("cpu");
    assertThat(pruner.device()).isNotBlank();
    assertThat(Pruner.devices())
        .anySatisfy(
            device -> {
              assertThat(device.backend()).isEqualTo("cpu");
              assertThat(device.usable()).isTrue();
              assertThat(device.name()).isEqualTo(pruner.device());
            });
    try (Pruner first = Pruner.open()) {
      assertThat(Pruner.devices())
          .anySatisfy(device -> assertThat(device.backend()).isEqualTo(first.backend()));
    }
  }

  @Test
  void whatCannotBeOpenedSaysWhy() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Pruner.builder().backend("tpu").open())
        .withMessageContaining("found 'tpu'");
    assertThatThrownBy(() -> Pruner.builder().backend("cpu").device(1).open())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("cpu has no device 1");
    assertThatIllegalArgumentException().isThrownBy(() -> Pruner.builder().threads(0));
    assertThatIllegalArgumentException().isThrownBy(() -> Pruner.builder().device(-1));
    assertThatThrownBy(() -> Pruner.builder().executor(null))
        .isInstanceOf(NullPointerException.class);
  }
}
