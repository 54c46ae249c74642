package io.github.wandacuda.bench.cases;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.bench.common.WeightBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CasesTest {
  private static SelectCase select(String amount, DataKind data) {
    return new SelectCase(new SelectCase.Setup("9x136", DType.F16, amount, data, 2));
  }

  @ParameterizedTest
  @EnumSource
  void selectionsOfAllKindsHold(DataKind data) {
    try (SelectCase select = select("50%", data)) {
      select.check();
      select.prepare();
      assertEquals(9 * 136 / 2, select.run());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"2:4", "4:8", "30%"})
  void selectionsOfAllAmountsHold(String amount) {
    try (SelectCase select = select(amount, DataKind.GAUSSIAN)) {
      select.check();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"50%", "2:4"})
  void callsOfTheLibraryAndPlansSelectTheSame(String amount) {
    SelectCase.Setup setup = new SelectCase.Setup("9x136", DType.BF16, amount, DataKind.TIES, 2);
    try (SelectCase calls = SelectCase.byPruner(setup);
        SelectCase plan = SelectCase.byPlan(setup)) {
      calls.check();
      plan.check();
      assertEquals(-1, calls.result().data().mismatch(plan.result().data()));
    }
  }

  @Test
  void aWrongElementIsNoticed() {
    try (SelectCase select = select("50%", DataKind.GAUSSIAN)) {
      select.run();
      WeightMatrix result = select.result();
      SelectCheck check =
          new SelectCheck(select.source(), select.norms(), Amount.rule("50%", result.columns()));
      check.row(4, result);
      long at = result.byteOffset(4, 77);
      short bits = result.data().get(ValueLayout.JAVA_SHORT, at);
      result.data().set(ValueLayout.JAVA_SHORT, at, (short) (bits ^ 1));
      assertThrows(IllegalStateException.class, () -> check.row(4, result));
    }
  }

  @Test
  void runsTakeTheMatricesInTurns() {
    try (SelectCase select = select("50%", DataKind.GAUSSIAN)) {
      WeightMatrix first = select.source();
      select.run();
      assertTrue(select.source().data().address() != first.data().address());
      assertEquals(-1, select.source().data().mismatch(first.data()));
    }
  }

  @Test
  void whatWasSelectedIsPutBack() {
    try (SelectCase select = select("50%", DataKind.GAUSSIAN)) {
      int all = select.sources().matrices().size();
      select.seconds(all);
      assertEquals(9 * 136 / 2, WeightBytes.zeros(select.result()));
      select.prepare();
      assertEquals(-1, select.result().data().mismatch(select.source().data()));
    }
  }

  @Test
  void largeMatricesAreNotRepeated() {
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix large = Matrices.zeros(arena, DType.F32, 1 << 14, 1 << 13);
      assertEquals(1, Rotation.of(arena, large).matrices().size());
    }
  }

  @Test
  void copiesReadsAndSumsHold() {
    try (SelectCase select = select("50%", DataKind.GAUSSIAN);
        CopyCase copy = new CopyCase(select.sources(), 2);
        ReadCase read = new ReadCase(7, 1000, 2);
        NormsCase norms = new NormsCase(7, 40, 2)) {
      copy.check();
      read.check();
      norms.check();
      assertEquals(7 * 1000 * Float.BYTES, read.bytes(), 512);
    }
  }

  @Test
  void forwardPassesHold() {
    try (LinearCase linear = new LinearCase(5, "24x64", DType.BF16, 2);
        AttentionCase attention = new AttentionCase("6x2x16", 2)) {
      linear.check();
      attention.check();
      assertEquals(2 * 5 * 24 * 64, linear.flops());
      assertEquals(4 * 21 * 16 * 2, attention.flops());
    }
  }

  @ParameterizedTest
  @CsvSource({"50%, 1, 1920", "2:4, 4, 1920", "75%, 3, 960"})
  void packedAndDenseLayersHold(String amount, int tokens, long valueBytes) {
    SparseCase.Setup setup = new SparseCase.Setup(tokens, "24x80", amount, 2);
    try (SparseCase packed = SparseCase.packed(setup);
        SparseCase dense = SparseCase.dense(setup)) {
      packed.check();
      dense.check();
      assertEquals(24 * 80, dense.weights());
      assertEquals(24 * 80 * 2, dense.bytes());
      assertEquals(valueBytes + 24 * 80 / 8 + 24 * Long.BYTES, packed.bytes());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"50%", "2:4"})
  void blocksAreImproved(String amount, @TempDir Path directory) {
    try (BlockCase block = new BlockCase(directory, "32x48x2", "2x24", amount, 2)) {
      block.forward();
      block.check();
    }
  }

  @Test
  void processorTimeOfChildrenIsSeen() throws Exception {
    double before = ChildTime.seconds();
    new ProcessBuilder("sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done")
        .start()
        .waitFor();
    double spent = ChildTime.seconds() - before;
    assertTrue(spent > 0.005 && spent < 60, () -> spent + " s");
  }
}
