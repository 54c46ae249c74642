package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.gpu.CallerRows.Place;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.Select;
import io.github.wandacuda.testing.selection.Values;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Matrices in device memory that a program owns: pruned and summed where they lie, with the results
 * that the same bytes have in host memory.
 */
public abstract class DeviceSelectionCases {
  private static final int ROWS = 7;

  private final SplittableRandom random = new SplittableRandom(17);
  @AutoClose private final Arena arena = Arena.ofShared();
  @AutoClose private CallerProgram program;

  protected abstract CallerProgram open();

  /** Prunes half of each row of 8 columns, by magnitude. */
  protected final void prune(DeviceMatrix matrix) {
    program()
        .backend()
        .deviceSelector()
        .select(matrix, null, new LowestPerRow(4), null, rows -> {});
  }

  /** Returns zeros for 2 rows of 8 columns of F32. */
  protected static byte[] bytes() {
    return new byte[2 * 8 * Float.BYTES];
  }

  protected final CallerProgram program() {
    return program;
  }

  @BeforeEach
  void start() {
    program = open();
  }

  private DeviceSelector selector() {
    return program.backend().deviceSelector();
  }

  private CallerRows rows(Place place, DType dtype, int columns) {
    return CallerRows.of(
        program, place, Values.GAUSSIAN.matrix(random, dtype, ROWS, columns), dtype);
  }

  private Selection prune(
      DeviceMatrix matrix, float[] norms, SelectionRule rule, MemorySegment mask) {
    return selector().select(matrix, norms, rule, mask, rowsDone -> {});
  }

  /** Prunes the same bytes in both memories. */
  private void samePruning(CallerRows rows, float[] norms, SelectionRule rule) {
    long maskBytes = ROWS * Selector.maskRowBytes(rows.matrix().columns());
    MemorySegment mask = arena.allocate(maskBytes);
    MemorySegment expectedMask = arena.allocate(maskBytes);
    MemorySegment expected = rows.room(arena);
    WeightMatrix onHost = rows.onHost(expected);
    Selection selection =
        Select.once(program.backend().selector(), onHost, norms, rule, onHost, expectedMask);
    String what = "%s by %s".formatted(rows.matrix(), rule);
    assertThat(prune(rows.matrix(), norms, rule, mask)).as(what).isEqualTo(selection);
    assertThat(rows.now()).as(what).isEqualTo(expected.toArray(ValueLayout.JAVA_BYTE));
    assertThat(mask.mismatch(expectedMask)).as("mask of " + what).isEqualTo(-1);
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  @FirstCases(1)
  void resultsAreThoseOfHostMemory(Place place) {
    for (DType dtype : DType.values()) {
      for (int columns : new int[] {8, 24, 52}) {
        float[] norms = Norms.FEW.vector(random, columns);
        for (SelectionRule rule :
            List.of(
                new LowestPerRow(columns / 2),
                new LowestPerRow(0),
                new LowestPerGroup(2, 4),
                new LowestPerGroup(3, columns),
                new AtMost(0.01f))) {
          samePruning(rows(place, dtype, columns), norms, rule);
        }
      }
      samePruning(rows(place, dtype, 37), null, new LowestPerRow(20));
    }
  }

  @Test
  void aMaskIsNotNeeded() {
    CallerRows rows = rows(Place.DENSE, DType.BF16, 20);
    assertThat(prune(rows.matrix(), null, new LowestPerRow(5), null).pruned()).isEqualTo(5 * ROWS);
  }

  /** What the program has queued is done first, though nobody has waited for it. */
  @ParameterizedTest
  @EnumSource(
      value = Place.class,
      names = {"ALIGNED", "ODD_BYTE"})
  void workBeginsAfterWhatTheQueueHas(Place place) {
    CallerRows before = rows(place, DType.F16, 48);
    CallerRows queued = rows(place, DType.F16, 48);
    program.queueWrite(before.memory(), queued.host());
    MemorySegment expected = queued.room(arena);
    WeightMatrix onHost = queued.onHost(expected);
    Select.once(program.backend().selector(), onHost, null, new LowestPerRow(24), onHost, null);
    prune(before.matrix(), null, new LowestPerRow(24), null);
    assertThat(before.now()).isEqualTo(expected.toArray(ValueLayout.JAVA_BYTE));
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  @FirstCases(2)
  void magnitudesAreCountedWhereTheyLie(Place place) {
    for (DType dtype : DType.values()) {
      CallerRows rows = rows(place, dtype, 41);
      WeightMatrix onHost = rows.onHost(rows.room(arena));
      long[] counts = new long[Selector.UPPER_BINS];
      long[] expected = new long[Selector.UPPER_BINS];
      selector().countMagnitudes(rows.matrix(), OptionalInt.empty(), counts);
      program.backend().selector().countMagnitudes(onHost, OptionalInt.empty(), expected);
      assertThat(counts).isEqualTo(expected);
      int bin = 0;
      while (counts[bin] == 0) {
        bin++;
      }
      long[] lower = new long[Selector.LOWER_BINS];
      long[] expectedLower = new long[Selector.LOWER_BINS];
      selector().countMagnitudes(rows.matrix(), OptionalInt.of(bin), lower);
      program.backend().selector().countMagnitudes(onHost, OptionalInt.of(bin), expectedLower);
      assertThat(lower).isEqualTo(expectedLower);
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  @FirstCases(1)
  void aWeightThatIsNotFiniteIsNamed(Place place) {
    for (DType dtype : DType.values()) {
      int[][] bits = Values.GAUSSIAN.matrix(random, dtype, ROWS, 40);
      bits[3][29] = Values.infinity(dtype);
      bits[5][1] = Values.infinity(dtype);
      CallerRows rows = CallerRows.of(program, place, bits, dtype);
      NonFiniteWeightException expected =
          new NonFiniteWeightException(3, 29, Float.POSITIVE_INFINITY);
      assertThatThrownBy(() -> selector().requireFinite(rows.matrix()))
          .isInstanceOf(NonFiniteWeightException.class)
          .hasMessage(expected.getMessage());
      assertThatThrownBy(
              () ->
                  selector()
                      .countMagnitudes(
                          rows.matrix(), OptionalInt.empty(), new long[Selector.UPPER_BINS]))
          .isInstanceOf(NonFiniteWeightException.class)
          .hasMessage(expected.getMessage());
      assertThat(rows.now()).as("what was only read").isEqualTo(rows.host());
      assertThatThrownBy(() -> prune(rows.matrix(), null, new LowestPerRow(20), null))
          .isInstanceOf(NonFiniteWeightException.class)
          .hasMessage(expected.getMessage());
    }
  }

  @Test
  void finiteWeightsAreReadAndLeft() {
    CallerRows rows = rows(Place.DENSE, DType.F32, 33);
    selector().requireFinite(rows.matrix());
    assertThat(rows.now()).isEqualTo(rows.host());
  }

  @Test
  void nothingIsAskedOfMatricesWithoutElements() {
    DeviceMatrix none = new DeviceMatrix(0, 0, DType.F32, 0, 8, 8, 0);
    assertThat(prune(none, null, new LowestPerRow(4), null)).isEqualTo(new Selection(0, 0));
    selector().requireFinite(none);
    selector().countMagnitudes(none, OptionalInt.empty(), new long[Selector.UPPER_BINS]);
  }

  @Test
  void theMatrixHasToLieInItsMemory() {
    CallerRows rows = rows(Place.ALIGNED, DType.F32, 16);
    DeviceMatrix all = rows.matrix();
    prune(all.withByteOffset(0), null, new LowestPerRow(1), null);
    byte[] before = rows.now();
    for (DeviceMatrix outside :
        List.of(all.withByteOffset(1), all.withRowStride(17), all.withByteOffset(1L << 40))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> prune(outside, null, new LowestPerRow(8), null))
          .withMessageStartingWith("memory: the matrix needs " + outside.span() + " bytes");
    }
    assertThat(rows.now()).isEqualTo(before);
  }

  @Test
  void nullIsNoMemory() {
    DeviceMatrix matrix = new DeviceMatrix(0, 0, DType.F32, 2, 8, 8, program.queue());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> prune(matrix, null, new LowestPerRow(4), null))
        .withMessageStartingWith("memory: expected ");
  }

  @Test
  void argumentsAreCheckedFirst() {
    CallerRows rows = rows(Place.ALIGNED, DType.F32, 16);
    DeviceMatrix matrix = rows.matrix();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> prune(matrix, new float[3], new LowestPerRow(4), null));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> prune(matrix, null, new LowestPerRow(17), null));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> prune(matrix, null, new LowestPerRow(4), arena.allocate(2 * ROWS - 1)));
    assertThat(rows.now()).isEqualTo(rows.host());
  }

  /** Activations in either memory, one after the other, as the same ones in host memory. */
  @ParameterizedTest
  @EnumSource(Place.class)
  @FirstCases(2)
  void columnSquaresAreThoseOfHostMemory(Place place) {
    for (DType dtype : DType.values()) {
      int columns = 37;
      int[][] bits = Values.GAUSSIAN.matrix(random, dtype, 300, columns);
      CallerRows rows = CallerRows.of(program, place, bits, dtype);
      WeightMatrix onHost = rows.onHost(rows.room(arena));
      Operations operations = program.backend().operations();
      try (Tensor tensor = operations.tensor(bits.length, columns);
          ColumnSquares expected = operations.columnSquares(columns);
          ColumnSquares found = operations.columnSquares(columns)) {
        operations.upload(widened(onHost), tensor);
        for (int call = 0; call < 3; call++) {
          expected.add(tensor);
        }
        found.add(tensor);
        found.add(rows.matrix());
        found.add(tensor);
        assertThat(found.sums()).as("%s", rows.matrix()).isEqualTo(expected.sums());
      }
      assertThat(rows.now()).isEqualTo(rows.host());
    }
  }

  private MemorySegment widened(WeightMatrix matrix) {
    MemorySegment floats = arena.allocate(matrix.elements() * Float.BYTES, Float.BYTES);
    for (int row = 0; row < matrix.rows(); row++) {
      for (int column = 0; column < matrix.columns(); column++) {
        floats.setAtIndex(
            ValueLayout.JAVA_FLOAT,
            (long) row * matrix.columns() + column,
            matrix.get(row, column));
      }
    }
    return floats;
  }

  @Test
  void squaresAreTakenAfterWhatTheQueueHas() {
    CallerRows before = rows(Place.DENSE, DType.F32, 5);
    CallerRows queued = rows(Place.DENSE, DType.F32, 5);
    Operations operations = program.backend().operations();
    try (ColumnSquares expected = operations.columnSquares(5);
        ColumnSquares found = operations.columnSquares(5)) {
      expected.add(queued.matrix());
      program.queueWrite(before.memory(), queued.host());
      found.add(before.matrix());
      assertThat(found.sums()).isEqualTo(expected.sums());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> found.add(rows(Place.DENSE, DType.F32, 6).matrix()));
    }
  }
}
