package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * All kernels once more under ThreadSanitizer, which sees the threads of a block and what orders
 * them. That it would see a race is shown by taking the barriers away, one at a time, of the
 * kernels that select in rows and of those that multiply.
 */
@BesideCuda
@Tag("pretend")
@Thorough
class KernelRaceTest {
  private static final String BARRIER = "__syncthreads();";
  private static final String REPORT = "WARNING: ThreadSanitizer: data race";
  private static final long SECONDS = 100;

  /** Where each program is. */
  private static final Map<String, Path> PROGRAMS = new HashMap<>();

  /** The files of a kernel whose barriers are taken away. */
  private static final Map<String, List<String>> FILES =
      Map.of(
          "select_rows",
          List.of(
              "select_rows.cu", "select_rows.cuh",
              "window_select.cuh", "radix_select.cuh",
              "reduce.cuh", "row_report.cuh"),
          "linear_tensor",
          List.of("linear_tensor.cuh"),
          "linear_float",
          List.of("linear_float.cu"),
          "row_swaps",
          List.of("row_swaps.cu"),
          "sparse_gpt",
          List.of("sparse_gpt.cu"));

  /**
   * A barrier.
   *
   * @param kernel the kernel's file, without the ending
   * @param line its number in the file, from 1
   */
  record Barrier(String kernel, String file, int line) {}

  @BeforeAll
  static void build() throws IOException {
    PretendCudaBuild.assumePossible();
    assumeTrue(PretendCudaBuild.isThere("setarch"), "ThreadSanitizer needs setarch");
    for (String program : List.of("pruning", "forward", "decoder")) {
      PROGRAMS.put(program, PretendCudaBuild.check("pretend-cuda-tsan", "--tsan", program));
    }
  }

  private static Ended run(String without, String program, String... arguments) throws IOException {
    // It ends at the first race, since without a barrier a kernel may never end.
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "TSAN_OPTIONS=halt_on_error=1 history_size=7",
                "PRETEND_CUDA_WITHOUT_BARRIER=" + without,
                "timeout",
                "80",
                "setarch",
                "-R",
                PROGRAMS.get(program).toString()));
    command.addAll(List.of(arguments));
    return Command.of(command).within(SECONDS).run();
  }

  @ParameterizedTest
  @CsvSource({
    "pruning, 10, select_groups_large_bf16",
    "forward, 5, linear_tensor linear_tensor_fast linear_float linear_split_bf16"
        + " linear_sparse_4_bf16 linear_unpack_f16 widen_codes prune_codes"
        + " linear_codes_4 row_moments row_step row_end row_swaps row_group_swaps"
        + " row_admm_update row_group_keep sparse_gpt_prune sparse_gpt_add",
    "decoder, 4, attention_64 attention_128 attention_256 gate_gelu layer_norm add_rows route"
        + " convolve delta_rule"
  })
  void noTwoThreadsMeetUnordered(String program, String rounds, String kernels) throws IOException {
    Ended outcome = run("none", program, rounds);
    assertThat(outcome.said())
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
          List<String> lines = Files.readAllLines(source);
          for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).contains(BARRIER)) {
              barriers.add(new Barrier(kernel.getKey(), name, i + 1));
            }
          }
        }
      }
    }
    return barriers;
  }

  @ParameterizedTest
  @MethodSource("barriers")
  void everyBarrierIsMissed(Barrier barrier) throws IOException {
    String program = barrier.kernel.equals("select_rows") ? "pruning" : "forward";
    String without = barrier.file + ":" + barrier.line;
    Ended outcome = run(without, program, "12", "1", barrier.kernel);
    assertThat(outcome.said()).as("without barrier %s", barrier).contains(REPORT);
  }
}
