package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The kernels do the work, and the small matrices see what they are there for: with a fault in a
 * kernel's order, ties or tail a result is another one.
 */
@Tag("gpu")
@Tag("pretend")
@Execution(ExecutionMode.CONCURRENT)
@Thorough
class DamagedCudaKernelsTest {
  private static final Path OUT = Path.of("target", "pretend-cuda-damaged");
  private static final long SECONDS = 120;

  @TempDir Path kernels;

  @ParameterizedTest
  @CsvSource({
    "select_rows, 3, 8",
    "select_groups, 0, 4",
  })
  void soundKernelsAreRight(String kernel, int first, int step) throws IOException {
    PretendCudaBuild.copy(kernel, kernels);
    Ended outcome = select(first, step, 10);
    assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(SelectOnCuda.RIGHT);
  }

  /**
   * Damages a kernel.
   *
   * @param first the number of the first of the small matrices that are pruned by this kernel
   * @param step from one to the next
   */
  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        // A comparison turned round, a tie lost or broken the other way.
        "3 => 8 => select_rows => radix_select.cuh => other.key < mine.key => other.key > mine.key",
        "3 => 8 => select_rows => radix_select.cuh => other.column < mine.column => other.column >"
            + " mine.column",
        "127 => 256 => select_rows_long => select_rows.cuh => j < ties ? 1u : 0u => j + 1u < ties ?"
            + " 1u : 0u",
        "10 => 120 => select_groups => select_groups.cu => keys[j] < keys[i] => keys[j] > keys[i]",
        "10 => 120 => select_groups => select_groups.cu => keys[j] < keys[i] => keys[j] <= keys[i]",
        "1 => 4 => select_groups => select_groups.cu => second[HALF - 1u - i] => second[i]",
        "0 => 4 => select_groups => select_groups.cu => equal ^= 0x80000000u >>"
            + " __clz(static_cast<int>(equal)) => equal &= equal - 1u",
        "1 => 4 => select_groups => select_groups.cu => bits | __shfl_xor_sync(ALL_LANES, bits, 1)"
            + " << 4 => bits | bits << 4",
        "26 => 120 => select_groups => select_groups.cu => other < keys[i] + wins => other <"
            + " keys[i]",
        "1 => 4 => select_groups => select_groups.cu => wins = threadIdx.x % 2u => wins = 0u",
        "30 => 60 => select_groups_small => select_groups_small.cu => key < keys[chunk] => key >"
            + " keys[chunk]",
        "30 => 60 => select_groups_small => select_groups_small.cu => other < member ? 1u : 0u =>"
            + " 0u",
        "62 => 128 => select_groups_large => select_groups_large.cu => (column < threshold.column ?"
            + " 1u : 0u) => 0u",
        "7 => 8 => select_threshold => select_threshold.cu => <= threshold => >= threshold",
        "7 => 8 => select_threshold => select_threshold.cu => <= threshold => < threshold",
        // A tail shifted or lost.
        "3 => 8 => select_rows => row_vectors.cuh => (1u << (columns - column)) - 1u => (1u <<"
            + " (columns - column - 1u)) - 1u",
        "127 => 256 => select_rows_long => select_rows_long.cu => storeVector<T>(stage, column,"
            + " place.columns, words) => storeVector<T>(stage, column, place.columns - 1u, words)",
        "0 => 4 => select_groups => row_vectors.cuh => T::put(words, j, row[column + j]) =>"
            + " T::put(words, j, row[column])",
        "30 => 60 => select_groups_small => select_groups_small.cu => addToMask(mask, start, kept)"
            + " => addToMask(mask, start + size, kept)",
        "62 => 128 => select_groups_large => select_groups_large.cu => addToMask(mask, start +"
            + " column, kept) => addToMask(mask, start + column + 1u, kept)",
        "7 => 8 => select_threshold => row_stream.cuh => columnBits<T>(column, columns) & ~kept =>"
            + " ~kept & 0xfu",
      })
  void aFaultIsSeen(int first, int step, String kernel, String file, String sound, String damaged)
      throws IOException {
    PretendCudaBuild.copy(kernel, kernels);
    damage(file, sound, damaged);
    Ended outcome = select(first, step, Integer.MAX_VALUE / step);
    assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(SelectOnCuda.WRONG);
  }

  @Test
  void soundGuessesAreRight() throws IOException {
    PretendCudaBuild.copy("select_rows", kernels);
    Ended outcome = select(List.of(SelectOnCuda.MANY_ROWS));
    assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(SelectOnCuda.RIGHT);
  }

  /** Damages the search for a row's threshold around that of the row before. */
  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "if (lower >= rank) => if (lower > rank)",
        "(values, 0u, row.size(), rank, count) + 1u => (values, 0u, row.size(), rank, count)",
        "unsigned left = rank - counted.below => unsigned left = rank - counted.below + 1u",
        "return {all >> 16, all & 0xffffu} => return {(all >> 16) + 1u, all & 0xffffu}",
      })
  void aFaultyGuessIsSeen(String sound, String damaged) throws IOException {
    PretendCudaBuild.copy("select_rows", kernels);
    damage("window_select.cuh", sound, damaged);
    Ended outcome = select(List.of(SelectOnCuda.MANY_ROWS));
    assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(SelectOnCuda.WRONG);
  }

  private void damage(String file, String sound, String damaged) throws IOException {
    Path source = kernels.resolve(file);
    String text = Files.readString(source);
    assertThat(text).contains(sound);
    Files.writeString(source, text.replace(sound, damaged));
  }

  private Ended select(int first, int step, int count) throws IOException {
    return select(Stream.of(first, step, count).map(number -> Integer.toString(number)).toList());
  }

  /** Compares in a process that finds the driver with these kernels as the system's. */
  private Ended select(List<String> arguments) throws IOException {
    PretendCudaBuild.assumePossible();
    PretendCudaBuild.damaged(OUT, kernels);
    List<String> options = List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1");
    return Command.main(options, SelectOnCuda.class, arguments)
        .with(Map.of("LD_LIBRARY_PATH", OUT.toAbsolutePath().toString()))
        .within(SECONDS)
        .run();
  }
}
