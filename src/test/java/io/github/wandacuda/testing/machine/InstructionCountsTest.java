package io.github.wandacuda.testing.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.ProcessOutcome;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Counts the instructions of the pruning kernels along their usual paths, in what ptxas makes of
 * the PTX that is shipped. {@code kernels/INSTRUCTIONS.md} has the table, which is written with
 * {@code -Dinstructions.write}; a kernel may not need 5 % more than it says.
 */
@Execution(ExecutionMode.CONCURRENT)
@Thorough
class InstructionCountsTest {
  private static final Path TABLE = Path.of("kernels", "INSTRUCTIONS.md");
  private static final String ARCHITECTURE = "sm_90";
  private static final double MOST_GROWTH = 1.05;
  private static final long SECONDS = 120;

  private static final String HEAD =
      """
      # Instructions of the pruning kernels

      Written by `InstructionCountsTest` with `-Dinstructions.write`, from the machine code that ptxas of CUDA 13.0 makes of
      the shipped PTX for sm_90 (H100). A path is the one with the fewest instructions that does all of the work of a usual
      row: the loads, additions, stores and barriers of its last column. Ends of rows, rows that aren't finite, and a
      block's first row take others. Guarded instructions count, as they are issued. The test fails where ptxas is there
      and a kernel needs 5 % more than this table says.

      For each weight of a thread:

      | kernel | instructions | on the integer pipe | barriers a row | path |
      |---|---|---|---|---|
      """;

  @TempDir private Path directory;

  @BeforeEach
  void ptxas() {
    assumeTrue(
        PretendCudaBuild.isThere("ptxas"),
        "instructions are counted with ptxas, which is not there");
  }

  private Map<String, MachineCode> assemble(String file) throws IOException {
    Path better = PretendCudaBuild.GENERATED.resolve(file + ".sm_80.ptx");
    Path ptx =
        Files.exists(better) ? better : PretendCudaBuild.GENERATED.resolve(file + ".sm_75.ptx");
    Path cubin = directory.resolve(file + ".cubin");
    ProcessOutcome outcome =
        ProcessOutcome.of(
            List.of("ptxas", "-arch=" + ARCHITECTURE, ptx.toString(), "-o", cubin.toString()),
            SECONDS);
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
    return Cubin.kernels(cubin);
  }

  private List<String> rows() throws IOException {
    Map<String, Map<String, MachineCode>> files = new HashMap<>();
    List<String> rows = new ArrayList<>();
    for (UsualPath path : UsualPath.all()) {
      if (!files.containsKey(path.file())) {
        files.put(path.file(), assemble(path.file()));
      }
      PathCounts counts = path.counts(files.get(path.file()).get(path.kernel()));
      rows.add(
          String.format(
              Locale.ROOT,
              "| `%s` | %.1f | %.1f | %s | %s |",
              path.kernel(),
              counts.all() / (double) path.weights(),
              counts.of(Pipe.INTEGER) / (double) path.weights(),
              path.barriers() == 0 ? "" : Integer.toString(counts.barriers()),
              path.description()));
    }
    return rows;
  }

  private static double cell(String row, int column) {
    return Double.parseDouble(row.split("\\|")[column].strip());
  }

  @Test
  void noKernelNeedsMoreThanWasWrittenDown() throws IOException {
    List<String> rows = rows();
    if (System.getProperty("instructions.write") != null) {
      Files.writeString(TABLE, HEAD + String.join("\n", rows) + "\n");
    }
    List<String> written =
        Files.readAllLines(TABLE).stream().filter(line -> line.startsWith("| `")).toList();
    assertThat(written).hasSameSizeAs(rows);
    for (int i = 0; i < rows.size(); i++) {
      String found = rows.get(i);
      String most = written.get(i);
      assertThat(found.split("\\|")[1]).isEqualTo(most.split("\\|")[1]);
      for (int column : new int[] {2, 3}) {
        assertThat(cell(found, column))
            .as("%s, where the table has %s", found, most)
            .isLessThanOrEqualTo(cell(most, column) * MOST_GROWTH);
      }
      assertThat(found.split("\\|")[4]).as(found).isEqualTo(most.split("\\|")[4]);
    }
  }

  /** What the balance of arithmetic and memory of an H100 allows. */
  @Test
  void rowsOf16BitsKeepTheBalance() throws IOException {
    for (String type : List.of("f16", "bf16")) {
      for (int column : new int[] {2, 3}) {
        int most = column == 2 ? 32 : 16;
        double few = cell(row("select_rows_16_" + type, 0), column);
        double firstWarp = cell(row("select_rows_16_" + type, 1), column) - few;
        double many = cell(row("select_rows_32_" + type, 0), column);
        // 4096 columns in 8 warps; 11008 in 11, whose first warp does as much more for twice the
        // weights.
        assertThat(few + firstWarp / 8).as(type).isLessThanOrEqualTo(most);
        assertThat(many + firstWarp / 2 / 11).as(type).isLessThanOrEqualTo(most);
      }
      assertThat(cell(row("select_rows_16_" + type, 0), 4)).isEqualTo(3);
      assertThat(cell(row("select_rows_32_" + type, 0), 4)).isEqualTo(3);
    }
  }

  private static String row(String kernel, int index) throws IOException {
    return Files.readAllLines(TABLE).stream()
        .filter(line -> line.startsWith("| `" + kernel + "` |"))
        .toList()
        .get(index);
  }
}
