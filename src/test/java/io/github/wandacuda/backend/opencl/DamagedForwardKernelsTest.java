package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.cpu.Samples;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The comparisons notice a kernel that is wrong in one place, so it is kernels that they look at.
 */
@Tag("gpu")
class DamagedForwardKernelsTest {
  /** A place in a kernel's source, what it is changed to, and the comparison that has to notice. */
  enum Damage {
    EMBED("embed.cl", "row < rows", "row < rows - 1", checks -> embed(checks, DType.F32)),
    WIDENING("widen.cl", "0x1p112f", "0x1p111f", checks -> embed(checks, DType.F16)),
    EPSILON("rms_norm.cl", "mean + epsilon", "mean - epsilon", Damage::norm),
    LANES("lane_sum.cl", "lane < width", "lane < width - 1", Damage::norm),
    ADDITION("elementwise.cl", "+= CONST_PLACE", "-= CONST_PLACE", Damage::add),
    ROTATION("elementwise.cl", "a * c - b * s", "a * c + b * s", c -> c.rotate(2, 3, 2, 8)),
    SIGMOID("elementwise.cl", "exponential(-g)", "exponential(g)", Damage::silu),
    POLYNOMIAL("exponential.cl", "0x1.11121p-7f", "0x1.12p-7f", Damage::silu),
    SQUARES_RUN("column_squares.cl", "define RUN 32", "define RUN 64", Damage::squares),
    LOW_SUM("column_squares.cl", "sum.y + (", "sum.y - (", Damage::squares),
    HIGHEST("cross_entropy.cl", "logit > highest", "logit < highest", Damage::loss),
    TILES_CAUSALITY("attention_tiles.cl", "key + 1 < visible", "key < visible", Damage::attention),
    TILES_FACTOR("attention_tiles.cl", "before - highest", "highest - before", Damage::attention),
    VECTORS_CAUSALITY("attention_vectors.cl", "lane < first", "lane <= first", Damage::attention),
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

    private MatrixKernels matrices(OpenClQueue queue) {
      return file.endsWith("_tiles.cl") ? new TileKernels(queue) : new VectorKernels(queue);
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

    private static void silu(ForwardChecks checks) {
      checks.siluMultiply(checks.samples().tensor(50, 70), checks.samples().tensor(50, 70));
    }

    private static void squares(ForwardChecks checks) {
      checks.columnSquares(checks.samples().tensor(1000, 50));
    }

    private static void loss(ForwardChecks checks) {
      checks.crossEntropy(checks.samples().tensor(3, 100));
    }

    private static void attention(ForwardChecks checks) {
      checks.attention(1, new AttentionShape(150, 2, 1, 16, 0.25f));
    }
  }

  private static void check(Damage damage, Function<KernelSources, KernelSources> change) {
    try (ForwardDevice device = ForwardDevice.open(change.apply(KernelSources.packed()));
        OpenClForwardKernels kernels =
            new OpenClForwardKernels(device.queue(), damage.matrices(device.queue()));
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
