package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.ProcessOutcome;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * All kernels once more under ThreadSanitizer, which sees the threads of a block and what orders
 * them. That it would see a race is shown by taking the barriers away, one at a time, of the
 * kernels that select in rows and of those that multiply.
 */
@Tag("gpu")
@Tag("pretend")
@Execution(ExecutionMode.CONCURRENT)
@Thorough
class KernelRaceTest {
  private static final Path PROGRAMS = Path.of("src/test/pretend-cuda/checks");
  private static final Path OUT = Path.of("target", "pretend-cuda-tsan");
  private static final Path DAMAGED = Path.of("target", "pretend-cuda-tsan-damaged");
  private static final String BARRIER = "__syncthreads();";
  private static final String REPORT = "WARNING: ThreadSanitizer: data race";
  private static final long SECONDS = 100;

  /** The files of a kernel whose barriers are taken away. */
  private static final Map<String, List<String>> FILES =
      Map.of(
          "select_rows",
          List.of(
              "select_rows.cu",
              "select_rows.cuh",
              "window_select.cuh",
              "radix_select.cuh",
              "reduce.cuh",
              "row_report.cuh"),
          "linear_tensor",
          List.of("linear_tensor.cuh"),
          "linear_float",
          List.of("linear_float.cu"));

  /** What the program launches beside the kernel without a barrier. */
  private static final List<String> OTHERS = List.of("linear_split.cu", "linear_tensor_fast.cu");

  @TempDir private Path kernels;

  /**
   * A barrier.
   *
   * @param kernel the kernel's file, without the ending
   * @param file where it is
   * @param index its number in the file
   */
  record Barrier(String kernel, String file, int index) {}

  @BeforeAll
  static void canBeBuilt() {
    PretendCudaBuild.assumePossible();
    assumeTrue(PretendCudaBuild.isThere("setarch"), "ThreadSanitizer needs setarch");
  }

  private static ProcessOutcome run(Path out, String program, String... arguments)
      throws IOException {
    // It ends at the first race, since without a barrier a kernel may never end.
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "TSAN_OPTIONS=halt_on_error=1 history_size=7",
                "timeout",
                "80",
                "setarch",
                "-R",
                out.resolve(program).toString()));
    command.addAll(List.of(arguments));
    return ProcessOutcome.of(command, SECONDS);
  }

  @ParameterizedTest
  @CsvSource({
    "pruning, 20, select_groups_large_bf16",
    "forward, 6, linear_tensor_bf16 linear_tensor_fast_bf16 linear_float_f32 linear_split_f16"
        + " linear_sparse_4_bf16 linear_unpack_f16",
    "decoder, 6, attention_64 attention_128 attention_256 gate_gelu layer_norm add_rows route"
  })
  void noTwoThreadsMeetUnordered(String program, String rounds, String kernels) throws IOException {
    Path source = PROGRAMS.resolve(program + ".cpp");
    PretendCudaBuild.run(OUT, List.of("--tsan", "--program", source.toString()));
    ProcessOutcome outcome = run(OUT, program, rounds);
    assertThat(outcome.output())
        .doesNotContain(REPORT)
        .contains("\n0 failures")
        .contains(kernels.split(" "));
    assertThat(outcome.exitCode()).isZero();
  }

  static List<Barrier> barriers() throws IOException {
    List<Barrier> barriers = new ArrayList<>();
    List<Path> sources = new ArrayList<>(PretendCudaBuild.kernels());
    sources.addAll(PretendCudaBuild.headers());
    for (Map.Entry<String, List<String>> kernel : FILES.entrySet()) {
      for (Path source : sources) {
        String name = source.getFileName().toString();
        if (kernel.getValue().contains(name)) {
          int count = Files.readString(source).split(Pattern.quote(BARRIER), -1).length - 1;
          for (int i = 0; i < count; i++) {
            barriers.add(new Barrier(kernel.getKey(), name, i));
          }
        }
      }
    }
    return barriers;
  }

  @ParameterizedTest
  @MethodSource("barriers")
  void everyBarrierIsMissed(Barrier barrier) throws IOException {
    PretendCudaBuild.copy(barrier.kernel, kernels);
    takeAway(kernels.resolve(barrier.file), barrier.index);
    String program = "pruning";
    if (barrier.kernel.equals("select_rows")) {
      leaveOneKernel(kernels.resolve("select_rows.cu"));
    } else {
      program = "forward";
      for (String other : OTHERS) {
        Files.copy(Path.of("kernels/forward", other), kernels.resolve(other));
      }
    }
    Path source = PROGRAMS.resolve(program + ".cpp");
    PretendCudaBuild.run(
        DAMAGED,
        List.of("--tsan", "--kernels", kernels.toString(), "--program", source.toString()));
    ProcessOutcome outcome = run(DAMAGED, program, "12", "1", barrier.kernel);
    assertThat(outcome.output()).as("without barrier %s", barrier).contains(REPORT);
  }

  private static void takeAway(Path file, int index) throws IOException {
    String text = Files.readString(file);
    int at = -1;
    for (int i = 0; i <= index; i++) {
      at = text.indexOf(BARRIER, at + 1);
    }
    Files.writeString(file, text.substring(0, at) + text.substring(at + BARRIER.length()));
  }

  /** Leaves the kernel for F16 and 16 weights, since the others take as long to compile. */
  private static void leaveOneKernel(Path file) throws IOException {
    String text = Files.readString(file);
    Files.writeString(
        file, text.replaceAll("(?m)^SELECT_ROWS\\((?!select_rows_16_f16,).*\\)$", ""));
  }
}
