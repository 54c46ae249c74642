package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.Thorough;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The comparisons notice a kernel that is wrong in one place, so it is kernels that they look at.
 */
@Tag("gpu")
@Thorough
class DamagedForwardKernelsTest {
  /** A place in a kernel's source, what it is changed to, and the comparison that has to notice. */
  enum Damage {
    EMBED("embed.cl", "row < rows", "row < rows - 1", checks -> embed(checks, DType.F32)),
    WIDENING("widen.cl", "0x1p112f", "0x1p111f", checks -> embed(checks, DType.F16)),
    EPSILON("rms_norm.cl", "mean + epsilon", "mean - epsilon", Damage::norm),
    LANES("lane_sum.cl", "lane < width", "lane < width - 1", Damage::norm),
    MEAN("layer_norm.cl", "[c + lane] - mean", "[c + lane]", Damage::layerNorm),
    BIAS("layer_norm.cl", "bias == 0", "bias != 0", Damage::layerNorm),
    ADDITION("elementwise.cl", "+ CONST_POINTER", "- CONST_POINTER", Damage::add),
    ROTATION("rotate.cl", "a * c - b * s", "a * c + b * s", c -> c.rotate(2, 3, 2, 8, 4)),
    PART("rotate.cl", "at[pairs]", "at[head_size / 2]", c -> c.rotate(2, 3, 2, 8, 3)),
    FACTOR("elementwise.cl", "* factor", "+ factor", Damage::scale),
    CAP("elementwise.cl", "[i] / cap", "[i]", Damage::softcap),
    TANH("tanh.cl", "1.33314422036e-1f", "1.33314e-1f", Damage::softcap),
    SMALL("tanh.cl", "size < 0.625f", "size < 0.5f", Damage::softcap),
    SILU("activate.cl", "exponential(-x)", "exponential(x)", of(Activation.SILU)),
    QUICK("activate.cl", "1.702f", "1.70f", of(Activation.QUICK_GELU)),
    CUBIC("activate.cl", "0.044715f", "0.0447f", of(Activation.GELU_TANH)),
    GELU("activate.cl", "1.0f - tail", "tail", of(Activation.GELU)),
    RELU("activate.cl", "x < 0.0f ? 0.0f", "x < 1.0f ? 0.0f", of(Activation.RELU)),
    GATE("activate.cl", "activated * CONST", "activated + CONST", of(Activation.RELU)),
    TAIL("normal_tail.cl", "0x1.e9c47ep-4f", "0x1.e9c4p-4f", of(Activation.GELU)),
    POLYNOMIAL("exponential.cl", "0x1.11121p-7f", "0x1.12p-7f", of(Activation.SILU)),
    GROUPS("gather_columns.cl", "/ width * stride", "/ width * width", Damage::gatherColumns),
    ROWS(
        "expert_rows.cl", "place * columns + column];", "row * columns + column];", Damage::gather),
    ADDED_ROWS("expert_rows.cl", "factor * CONST", "CONST", Damage::addRows),
    EXPERTS("route.cl", "expert < other", "expert > other", c -> c.route(equal(), 3)),
    ROUNDS("route.cl", "last = best", "last = -1", c -> c.route(equal(), 3)),
    PROBABILITY("route.cl", "highest) / sum", "highest)", Damage::route),
    RENORMALIZED("route.cl", "/= weight_sum", "*= weight_sum", Damage::route),
    SQUARES_RUN("column_squares.cl", "define RUN 32", "define RUN 64", Damage::squares),
    LOW_SUM("exact_sum.cl", "sum.y + (", "sum.y - (", Damage::squares),
    MOMENTS_RUN("second_moments.cl", "RUN 256", "RUN 128", Damage::moments),
    MOMENTS_END("second_moments.cl", "next >= last", "next > last", Damage::moments),
    MOMENTS_DIAGONAL("second_moments.cl", "i <= j + k", "i < j + k", Damage::moments),
    MOMENTS_ROW("second_moments.cl", "(i - 1) / 2", "(i + 1) / 2", Damage::moments),
    HIGHEST("cross_entropy.cl", "logit > highest", "logit < highest", Damage::loss),
    TILES_CAUSALITY("attention_tiles.cl", "distance >= 0", "distance > 0", Damage::attention),
    TILES_SCORES(
        "attention_tiles.cl", "sees(place - key - 2", "sees(place - key", Damage::attention),
    TILES_WINDOW("attention_tiles.cl", "< window", "<= window", Damage::attention),
    TILES_START("attention_tiles.cl", "/ TILE * TILE", "/ TILE * TILE + TILE", Damage::attention),
    TILES_SOFTCAP("attention_tiles.cl", "scores /= softcap", "scores *= 1.0f", Damage::attention),
    TILES_BIAS("attention_tiles.cl", "biases[key + 3]", "biases[key]", Damage::attention),
    TILES_FACTOR("attention_tiles.cl", "before - highest", "highest - before", Damage::attention),
    VECTORS_CAUSALITY("attention_vectors.cl", "lane < key", "lane <= key", Damage::attention),
    VECTORS_WINDOW(
        "attention_vectors.cl", "lane >= key + window", "lane > key + window", Damage::attention),
    VECTORS_START("attention_vectors.cl", "- window + 1)", "- window + 2)", Damage::attention),
    VECTORS_SOFTCAP("attention_vectors.cl", "score / softcap", "score", Damage::attention),
    VECTORS_BIAS("attention_vectors.cl", "score + bias", "score", Damage::attention),
    VECTORS_FACTOR("attention_vectors.cl", "before - top", "top - before", Damage::attention),
    VECTORS("linear_vectors.cl", "fma(value, b,", "fma(value, a,", checks -> checks.linear(320)),
    VECTORS_RUN("linear_vectors.cl", "RUN 256", "RUN 128", checks -> checks.linear(320)),
    TILES("linear_tiles.cl", "next >= columns", "next > columns", checks -> checks.linear(32)),
    TILES_RUN("linear_tiles.cl", "RUN 256", "RUN 128", checks -> checks.linear(320));

    private final String file;
    private final String sound;
    private final String damaged;
    private final Consumer<ForwardChecks> check;

    Damage(String file, String sound, String damaged, Consumer<ForwardChecks> check) {
      this.file = file;
      this.sound = sound;
      this.damaged = damaged;
      this.check = check;
    }

    private KernelSources apply(KernelSources sources) {
      assertThat(sources.read(file)).contains(sound);
      return name ->
          name.equals(file) ? sources.read(name).replace(sound, damaged) : sources.read(name);
    }

    private MatrixVariant variant(OpenClDevice device) {
      return file.endsWith("_tiles.cl")
          ? MatrixVariant.TILES
          : MatrixVariant.vectors(device.vectorWidth());
    }

    private static void embed(ForwardChecks checks, DType dtype) {
      WeightMatrix table = checks.samples().weight(dtype, 5, 9, Samples.Layout.ROWS);
      checks.embed(table, 4, 0, 2);
    }

    private static void norm(ForwardChecks checks) {
      checks.rmsNorm(checks.samples().tensor(3, 100));
    }

    private static void add(ForwardChecks checks) {
      checks.add(checks.samples().tensor(3, 7), checks.samples().tensor(3, 7));
    }

    private static void layerNorm(ForwardChecks checks) {
      checks.layerNorm(checks.samples().tensor(3, 100));
    }

    private static void scale(ForwardChecks checks) {
      checks.scale(checks.samples().tensor(3, 7), 2.5f);
    }

    private static void softcap(ForwardChecks checks) {
      checks.softcap(checks.samples().tensor(50, 70), 2f);
    }

    private static Consumer<ForwardChecks> of(Activation activation) {
      return checks ->
          checks.gate(activation, checks.samples().tensor(50, 70), checks.samples().tensor(50, 70));
    }

    private static void gatherColumns(ForwardChecks checks) {
      checks.gatherColumns(checks.samples().tensor(3, 48), 8, 4, 12, 3);
    }

    private static void gather(ForwardChecks checks) {
      checks.gatherRows(checks.samples().tensor(5, 9), 3, 0, 4);
    }

    private static void addRows(ForwardChecks checks) {
      checks.addRows(checks.samples().tensor(5, 9), 3, 0, 4);
    }

    private static void route(ForwardChecks checks) {
      checks.route(checks.samples().tensor(18, 20), 3);
    }

    private static CpuTensor equal() {
      return CpuTensor.zeros(2, 40);
    }

    private static void squares(ForwardChecks checks) {
      checks.columnSquares(checks.samples().tensor(1000, 50));
    }

    private static void moments(ForwardChecks checks) {
      checks.secondMoments(checks.samples().tensor(304, 70));
    }

    private static void loss(ForwardChecks checks) {
      checks.crossEntropy(checks.samples().tensor(3, 100));
    }

    private static void attention(ForwardChecks checks) {
      AttentionShape shape = new AttentionShape(150, 0, 2, 1, 16, 0.25f, 2f, 70);
      checks.attention(1, shape, checks.samples().tensor(2, 150));
    }
  }

  private static void check(Damage damage, Function<KernelSources, KernelSources> change) {
    try (ForwardDevice device = ForwardDevice.open(change.apply(KernelSources.packed()));
        OpenClForwardKernels kernels =
            new OpenClForwardKernels(device.queue(), damage.variant(device.queue().device()));
        ForwardChecks checks = new ForwardChecks(device, kernels)) {
      damage.check.accept(checks);
    }
  }

  @ParameterizedTest
  @EnumSource
  void soundKernelsPass(Damage damage) {
    check(damage, sources -> sources);
  }

  @ParameterizedTest
  @EnumSource
  void damagedKernelsAreNoticed(Damage damage) {
    assertThatThrownBy(() -> check(damage, damage::apply)).isInstanceOf(AssertionError.class);
  }
}
