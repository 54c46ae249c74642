package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tests of work on rows notice a kernel that is wrong in one place. */
@Tag("gpu")
@Thorough
class DamagedRowKernelsTest {
  /** A place in a kernel's source, what it is changed to, and the test that has to notice. */
  enum Damage {
    REACH("row_fit.cl", "j != row", "j > row", Damage::swaps),
    SIDE("row_fit.cl", "== side", "!= side", Damage::fit),
    ORDER("row_lanes.cl", "lane + width", "lane + LANES / 2", Damage::fit),
    DIRECTION("row_fit.cl", "fma(beta,", "fma(0.0,", Damage::fit),
    STEP("row_fit.cl", "fma(-alpha", "fma(alpha", Damage::fit),
    END("row_fit.cl", "0.99 * CONST", "1.01 * CONST", Damage::solved),
    EXACT("row_fit.cl", "2.0 * (double)weights[c]", "(double)weights[c]", Damage::solved),
    GAIN("row_swaps.cl", "LEAST_GAIN 1e-6", "LEAST_GAIN 0.1", Damage::swaps),
    LOOKS("row_swaps.cl", "columns + 1", "columns - 20", Damage::longRows),
    FALL("row_swaps.cl", "+ of.fall", "- of.fall", Damage::longRows),
    TIES("row_swaps.cl", "at < shared", "at > shared", Damage::ties),
    AGAIN("row_swaps.cl", "ROUNDED * scale ? 2", "ROUNDED * scale ? 1", Damage::vanishing),
    PAIRS(
        "row_swaps.cl", "other = k + 1; other < end", "other = k + 2; other < end", Damage::groups),
    CUDA_ORDER("row_fit", "row_lanes.cuh", "sum, width, LANES", "sum, 8, LANES", Damage::fit),
    CUDA_STEP("row_fit.cu", "fma(-alpha", "fma(alpha", Damage::fit),
    CUDA_END("row_fit.cu", "0.99 * errors", "1.01 * errors", Damage::solved),
    CUDA_LOOKS("row_swaps.cu", "columns + 1", "columns - 20", Damage::longRows),
    CUDA_TIES("row_swaps.cu", "b.column < a.column", "b.column > a.column", Damage::ties),
    CUDA_AGAIN("row_swaps.cu", "< ROUNDED * scale", "< -ROUNDED * scale", Damage::vanishing),
    CUDA_PAIRS(
        "row_swaps.cu", "other = k + 1; other < end", "other = k + 2; other < end", Damage::groups);

    private final String kernel;
    private final String file;
    private final String sound;
    private final String damaged;
    private final Consumer<OpenedBackend> test;

    Damage(String file, String sound, String damaged, Consumer<OpenedBackend> test) {
      this(file.replaceFirst("\\..*", ""), file, sound, damaged, test);
    }

    /** In a file that a CUDA kernel's includes. */
    Damage(String kernel, String file, String sound, String damaged, Consumer<OpenedBackend> test) {
      this.kernel = kernel;
      this.file = file;
      this.sound = sound;
      this.damaged = damaged;
      this.test = test;
    }

    private static void fit(OpenedBackend on) {
      new RowFitTest(on).everySizeGivesTheSameBits(17, 33);
    }

    private static void solved(OpenedBackend on) {
      new RowFitTest(on).rowsThatAreSolvedGiveTheSameBits();
    }

    private static void swaps(OpenedBackend on) {
      new RowSwapsTest(on).everySizeGivesTheSameMasks(17, 33);
    }

    private static void longRows(OpenedBackend on) {
      new RowSwapsTest(on).everySizeGivesTheSameMasks(5, 700);
    }

    private static void groups(OpenedBackend on) {
      new RowSwapsTest(on).everyGroupGivesTheSameMasks(17, 64, 4);
    }

    private static void ties(OpenedBackend on) {
      new RowSwapsTest(on).tiesGiveTheSameMasks();
    }

    private static void vanishing(OpenedBackend on) {
      new RowSwapsTest(on).errorsThatVanishGiveTheSameMasks();
    }
  }

  static List<Damage> openCl() {
    return Stream.of(Damage.values()).filter(damage -> damage.file.endsWith(".cl")).toList();
  }

  static List<Damage> cuda() {
    return Stream.of(Damage.values()).filter(damage -> !damage.file.endsWith(".cl")).toList();
  }

  @ParameterizedTest
  @MethodSource("openCl")
  void damagedKernelsAreNoticed(Damage damage) {
    try (OpenedBackend damaged =
        new OpenedBackend(
            TestedBackend.OPENCL,
            FirstOpenCl.changed(damage.file, Map.of(damage.sound, damage.damaged)))) {
      assertThatThrownBy(() -> damage.test.accept(damaged)).isInstanceOf(AssertionError.class);
    }
  }

  @ParameterizedTest
  @MethodSource("cuda")
  @Tag("pretend")
  void damagedCudaKernelsAreNoticed(Damage damage) throws Exception {
    try (AutoCloseable kernels =
            PretendCuda.damaged(damage.kernel, damage.file, damage.sound, damage.damaged);
        OpenedBackend damaged = new OpenedBackend(TestedBackend.CUDA)) {
      assertThatThrownBy(() -> damage.test.accept(damaged)).isInstanceOf(AssertionError.class);
    }
  }
}
