package io.github.wandacuda.forward;

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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The tests of an operation notice a kernel that is wrong in one place. */
@Tag("gpu")
@Tag("pretend")
@Thorough
class DamagedCudaForwardTest {
  private static final Path OUT = Path.of("target", "pretend-cuda-damaged-forward");
  private static final long SECONDS = 120;
  private static final List<String> TENSOR_PRODUCTS =
      List.of("linear_tensor", "linear_tensor_fast", "linear_split");

  /** A kernel file, a place in it or in what it includes, and what that is changed to. */
  enum Damage {
    LAYER_NORM("layer_norm", "layer_norm.cu", "value - mean) * factor", "value + mean) * factor"),
    GELU("activate", "activate.cu", "x < 0.0f ? tail", "x > 0.0f ? tail"),
    TAIL("activate", "normal_tail.cuh", "-0x1.4514ecp-4f", "-0x1.45p-4f"),
    TANH("elementwise", "tanh.cuh", "1.0f - __fdiv_rn", "1.0f + __fdiv_rn"),
    ROTATION("rotate", "rotate.cu", "return u - v", "return u + v"),
    GROUPS("gather_columns", "gather_columns.cu", "(group) * stride", "(group) * width"),
    ADDITION("expert_rows", "expert_rows.cu", "sum + factor", "sum - factor"),
    MOMENTS_RUN("second_moments", "second_moments.cu", "RUN = 256", "RUN = 512"),
    DIAGONAL("second_moments", "second_moments.cu", "row <= column &&", "row < column &&"),
    LOWER_TILES(
        "second_moments", "second_moments.cu", "tile.column < tile.row", "tile.column <= tile.row"),
    EXPERTS("route", "route.cu", "candidate < chosen", "candidate <= chosen"),
    TIES("route", "route.cu", "candidate > best", "candidate < best"),
    WINDOW("attention_64", "attention.cuh", "<unsigned>(problem.w", "<unsigned>(1 + problem.w"),
    TILES("attention_64", "attention.cuh", "/ KEYS * KEYS; first", "/ KEYS * KEYS + KEYS; first"),
    WHOLE("attention_64", "attention.cuh", ">= firstQuery + QUERIES<SLOTS>", ">= firstQuery"),
    NOTHING_SEEN("attention_64", "attention.cuh", "top == -INFINITY ? 0.0f", "false ? 0.0f"),
    BOUND("attention_64", "attention.cuh", "problem.cap > 0.0f", "problem.cap < 0.0f"),
    BIAS("attention_64", "attention.cuh", "scores[i][j] += bias", "scores[i][j] -= bias"),
    PARTS("linear_tensor", "linear_tensor.cuh", "Block::PARTS) * token", "2) * token"),
    LOW_PART(
        "linear_tensor", "linear_tensor.cuh", "part < Block::PARTS; part++", "part < 1; part++"),
    PLACES(
        "linear_tensor", "linear_tensor.cuh", "row * SLICE + (piece", "row % 64 * SLICE + (piece"),
    WEIGHTS_END("linear_tensor", "linear_tensor.cuh", "min(8, columns", "min(8, columns - 1"),
    ROUNDING("linear_split", "linear_split.cu", "0xfffu + (magnitude >> 13 & 1u)", "0u"),
    SCALE("linear_split", "linear_split.cu", "(254 - exponent) << 23", "(253 - exponent) << 23"),
    PACKED_PLACES("linear_sparse", "linear_sparse.cu", "(1u << lane) - 1u", "(2u << lane) - 1u"),
    PACKED_COUNTS("linear_sparse", "linear_sparse.cu", "lane >= distance", "lane > distance"),
    PACKED_PIECES("linear_sparse", "linear_sparse.cu", "through, WARP - 1)", "through, WARP - 2)"),
    PACKED_BYTES("linear_sparse", "linear_sparse.cu", "<< 8 * i : 0u", "<< 4 * i : 0u"),
    PACKED_ORDER(
        "linear_sparse", "linear_sparse.cu",
        "width = WARP / 2; width > 0; width /= 2", "width = 1; width < WARP; width *= 2"),
    PACKED_TOKENS("linear_sparse", "linear_sparse.cu", "t < tokens ? t : tokens - 1", "0");

    private final String kernel;
    private final String file;
    private final String sound;
    private final String damaged;

    Damage(String kernel, String file, String sound, String damaged) {
      this.kernel = kernel;
      this.file = file;
      this.sound = sound;
      this.damaged = damaged;
    }

    private void apply(Path kernels) throws IOException {
      Path source = kernels.resolve(file);
      String text = Files.readString(source);
      assertThat(text).contains(sound);
      Files.writeString(source, text.replace(sound, damaged));
    }
  }

  @TempDir Path kernels;

  @ParameterizedTest
  @EnumSource
  void isNoticed(Damage damage) throws IOException {
    PretendCudaBuild.assumePossible();
    PretendCudaBuild.copy(damage.kernel, kernels);
    if (TENSOR_PRODUCTS.contains(damage.kernel)) {
      copyOtherPart(damage.kernel);
    }
    damage.apply(kernels);
    PretendCudaBuild.damaged(OUT, kernels);
    Ended outcome = check(damage.kernel);
    assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(ForwardOnCuda.DIFFERENT);
  }

  /** What splits activations and what multiplies them run together. */
  private void copyOtherPart(String kernel) throws IOException {
    for (Path source : PretendCudaBuild.kernels()) {
      String name = source.getFileName().toString().replace(".cu", "");
      if (TENSOR_PRODUCTS.contains(name) && !name.equals(kernel)) {
        Files.copy(source, kernels.resolve(source.getFileName()));
      }
    }
  }

  /** Runs tests in a process that finds the driver and its kernels as the system's. */
  private static Ended check(String kernel) throws IOException {
    List<String> options =
        List.of(
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1");
    return Command.main(options, ForwardOnCuda.class, kernel)
        .with(Map.of("LD_LIBRARY_PATH", OUT.toAbsolutePath().toString()))
        .within(SECONDS)
        .run();
  }
}
