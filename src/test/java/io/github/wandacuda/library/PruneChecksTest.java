package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.Within;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What calls refuse, before they change a byte. */
class PruneChecksTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);
  private static final PruneOptions DEFAULT = PruneOptions.DEFAULT;
  private static final Criterion MAGNITUDE = Criterion.magnitude();

  private final Pruner pruner = Pruner.builder().backend("cpu").threads(2).open();
  private final WeightMatrix weight = Weights.random(DType.F32, 40, 64, 1);
  private final byte[] before = Weights.bytes(weight);

  @AfterEach
  void nothingWasChanged() {
    assertThat(Weights.bytes(weight)).isEqualTo(before);
    pruner.close();
  }

  private static void refused(ThrowingCallable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(message);
  }

  private static void isNull(ThrowingCallable call, String name) {
    assertThatNullPointerException().isThrownBy(call).withMessage(name);
  }

  @Test
  void nothingMayBeNull() {
    isNull(() -> pruner.prune((WeightMatrix) null, MAGNITUDE, HALF), "weight");
    isNull(() -> pruner.prune(weight, null, HALF), "criterion");
    isNull(() -> pruner.prune(weight, MAGNITUDE, null), "sparsity");
    isNull(() -> pruner.prune(weight, MAGNITUDE, HALF, null), "options");
    isNull(() -> pruner.prune(null, weight, MAGNITUDE, HALF, DEFAULT), "source");
    isNull(() -> pruner.prune(weight, null, MAGNITUDE, HALF, DEFAULT), "destination");
    isNull(() -> pruner.mask(weight, null, MAGNITUDE, HALF, DEFAULT), "mask");
    assertThatNullPointerException().isThrownBy(() -> DEFAULT.withZeroNorms(null));
  }

  @Test
  void normsAndPatternsHaveToFitTheColumns() {
    Criterion three = Criterion.wanda(new float[] {1, 2, 3});
    refused(() -> pruner.prune(weight, three, HALF), "norms: expected one for each of 64 columns");
    refused(
        () -> pruner.prune(weight, MAGNITUDE, new Sparsity.GroupPattern(1, 3)),
        "columns: expected a multiple of 3 for the pattern 1:3, found 64");
  }

  @Test
  void theDestinationHasToBeLikeTheSource() {
    for (WeightMatrix other :
        new WeightMatrix[] {
          Weights.random(DType.F32, 41, 64, 1),
          Weights.random(DType.F32, 40, 60, 1),
          Weights.random(DType.BF16, 40, 64, 1)
        }) {
      refused(
          () -> pruner.prune(weight, other, MAGNITUDE, HALF, DEFAULT),
          "destination: expected 40 x 64 F32 as the source, found ");
    }
  }

  @Test
  void whatIsWrittenMustNotBeReadOnly() {
    WeightMatrix readOnly = WeightMatrix.of(weight.data().asReadOnly(), DType.F32, 40, 64);
    refused(() -> pruner.prune(readOnly, MAGNITUDE, HALF), "weight: expected memory that can be");
    refused(
        () -> pruner.prune(weight, readOnly, MAGNITUDE, HALF, DEFAULT),
        "destination: expected memory that can be written, found read-only memory");
    Mask mask = Mask.of(Mask.allocate(40, 64).bits().asReadOnly(), 40, 64);
    refused(() -> pruner.mask(weight, mask, MAGNITUDE, HALF, DEFAULT), "mask: expected memory");
    refused(
        () -> pruner.prune(weight, MAGNITUDE, HALF, DEFAULT.withMask(mask)),
        "mask: expected memory that can be");
  }

  @Test
  void memoryMustNotOverlap() {
    WeightMatrix all = Weights.random(DType.F32, 80, 64, 1);
    WeightMatrix first = all.rows(0, 40);
    WeightMatrix shifted = all.rows(1, 40);
    refused(
        () -> pruner.prune(first, shifted, MAGNITUDE, HALF, DEFAULT),
        "destination: expected memory apart from the source, found an overlap");
    WeightMatrix transposed = Weights.random(DType.F32, 64, 64, 1);
    refused(
        () -> pruner.prune(transposed, transposed.transposed(), MAGNITUDE, HALF, DEFAULT),
        "destination: expected memory apart");
    pruner.prune(first, all.rows(40, 40), MAGNITUDE, HALF, DEFAULT);

    Mask inside = Mask.of(weight.data().asSlice(weight.data().byteSize() - 320), 40, 64);
    refused(
        () -> pruner.prune(weight, MAGNITUDE, HALF, DEFAULT.withMask(inside)),
        "mask: expected memory apart from the weight");
    refused(
        () -> pruner.mask(weight, inside, MAGNITUDE, HALF, DEFAULT),
        "mask: expected memory apart from the weight");
    WeightMatrix source = Weights.random(DType.F32, 40, 64, 2);
    refused(
        () -> pruner.prune(source, weight, MAGNITUDE, HALF, DEFAULT.withMask(inside)),
        "mask: expected memory apart from the result");
  }

  @Test
  void elementsThatAreWrittenMustNotOverlap() {
    float[] values = new float[100];
    MemorySegment memory = MemorySegment.ofArray(values);
    for (WeightMatrix matrix :
        new WeightMatrix[] {
          new WeightMatrix(memory, DType.F32, 4, 8, 0, 1),
          new WeightMatrix(memory, DType.F32, 4, 8, 7, 1),
          new WeightMatrix(memory, DType.F32, 4, 8, 1, 3),
          new WeightMatrix(memory, DType.F32, 4, 8, 8, 0)
        }) {
      refused(() -> pruner.prune(matrix, MAGNITUDE, HALF), "weight: expected elements apart");
    }
    pruner.prune(new WeightMatrix(memory, DType.F32, 4, 8, 1, 4), MAGNITUDE, HALF);
    pruner.prune(new WeightMatrix(memory, DType.F32, 1, 8, 0, 1), MAGNITUDE, HALF);
    Mask mask = Mask.allocate(4, 8);
    pruner.mask(new WeightMatrix(memory, DType.F32, 4, 8, 0, 1), mask, MAGNITUDE, HALF, DEFAULT);
  }

  @Test
  void masksHaveToBeOfTheMatrix() {
    refused(
        () -> pruner.mask(weight, Mask.allocate(64, 40), MAGNITUDE, HALF, DEFAULT),
        "mask: expected 40 x 64 as the matrix, found 64 x 40");
    Mask one = Mask.allocate(40, 64);
    PruneOptions another = DEFAULT.withMask(Mask.allocate(40, 64));
    refused(() -> pruner.mask(weight, one, MAGNITUDE, HALF, another), "options: expected no mask");
    pruner.mask(weight, one, MAGNITUDE, HALF, DEFAULT.withMask(one));
  }

  @Test
  void memoryOfAnotherThreadIsRefused() throws Exception {
    FutureTask<WeightMatrix> made =
        new FutureTask<>(() -> Weights.random(Arena.ofConfined(), DType.F32, 4, 8, 1));
    Thread other = Thread.ofPlatform().daemon().start(made);
    WeightMatrix theirs = made.get(10, TimeUnit.SECONDS);
    Within.end(other);
    Mask mask = Mask.of(theirs.data(), 4, 8);
    WeightMatrix mine = Weights.random(DType.F32, 4, 8, 1);
    assertThatThrownBy(() -> pruner.prune(theirs, MAGNITUDE, HALF))
        .isInstanceOf(WrongThreadException.class)
        .hasMessageContaining("weight: ");
    assertThatThrownBy(() -> pruner.prune(theirs, mine, MAGNITUDE, HALF, DEFAULT))
        .isInstanceOf(WrongThreadException.class)
        .hasMessageContaining("source: ");
    assertThatThrownBy(() -> pruner.prune(mine, theirs, MAGNITUDE, HALF, DEFAULT))
        .isInstanceOf(WrongThreadException.class)
        .hasMessageContaining("destination: ");
    assertThatThrownBy(() -> pruner.mask(mine, mask, MAGNITUDE, HALF, DEFAULT))
        .isInstanceOf(WrongThreadException.class)
        .hasMessageContaining("mask: ");
  }

  /** More than a tile, so that helpers would be called, whom the memory would refuse. */
  @Test
  void confinedMemoryIsPrunedByItsThreadAlone() {
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix large = Weights.random(arena, DType.F32, 900, 200, 1);
      WeightMatrix source = Weights.copy(large);
      float[] norms = Weights.norms(200, 1);
      Mask mask = Mask.of(arena.allocate(900 * 25), 900, 200);
      pruner.prune(
          large, Criterion.wanda(norms), HALF, DEFAULT.withMask(mask).withWeightsChecked(true));
      boolean[][] kept = Weights.kept(source, norms, HALF);
      Weights.check(large, source, kept);
      assertThat(Weights.bytes(mask)).isEqualTo(Weights.bytes(Weights.mask(kept)));
      WeightMatrix shared = Weights.random(DType.F32, 900, 200, 1);
      pruner.mask(shared, mask, Criterion.magnitude(), HALF, DEFAULT);
      pruner.prune(shared, large, Criterion.magnitude(), HALF, DEFAULT);
    }
  }

  @Test
  void closedMemoryIsRefused() {
    Arena arena = Arena.ofShared();
    WeightMatrix gone = Weights.random(arena, DType.F32, 40, 64, 1);
    Mask mask = Mask.of(gone.data(), 40, 64);
    arena.close();
    assertThatThrownBy(() -> pruner.prune(gone, MAGNITUDE, HALF))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("weight: expected memory that is open");
    assertThatThrownBy(() -> pruner.prune(weight, gone, MAGNITUDE, HALF, DEFAULT))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("destination: ");
    assertThatThrownBy(() -> pruner.mask(weight, mask, MAGNITUDE, HALF, DEFAULT))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("mask: ");
  }

  @Test
  void aClosedPrunerPrunesNoMore() {
    ColumnNorms norms = pruner.columnNorms(64);
    pruner.close();
    pruner.close();
    assertThatThrownBy(() -> pruner.prune(weight, MAGNITUDE, HALF))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the pruner is closed");
    assertThatThrownBy(() -> pruner.columnNorms(64))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the pruner is closed");
    norms.add(new float[64], 0, 1).close();
  }
}
