package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A comparison with the CPU's packed weights notices a kernel that is wrong in one place. */
@Tag("gpu")
class DamagedSparseKernelsTest {
  private static final String FILE = "linear_sparse.cl";
  private static final int FEATURES = 11;
  private static final int COLUMNS = 70;
  private static final int TOKENS = 3;

  /** A place in the kernels, and what it is changed to. */
  enum Damage {
    PLACES("(1u << lane) - 1u", "(2u << lane) - 1u"),
    WORDS("next += popcount(word)", "next += popcount(word >> 1)"),
    BYTES("<< 8 * i : 0u", "<< 4 * i : 0u"),
    ORDER("width = LANES / 2; width > 0; width /= 2", "width = 1; width > 0; width = 0"),
    TOKEN("min(t, tokens - 1)", "0"),
    FEATURE("int own = min(feature, features - 1)", "int own = min(feature, features - 2)"),
    UNPACKED_END("first + lane < columns", "first + lane + 1 < columns");

    private final String sound;
    private final String damaged;

    Damage(String sound, String damaged) {
      this.sound = sound;
      this.damaged = damaged;
    }

    private KernelSources apply(KernelSources sources) {
      assertThat(sources.read(FILE)).contains(sound);
      return name ->
          name.equals(FILE) ? sources.read(name).replace(sound, damaged) : sources.read(name);
    }
  }

  private static void check(KernelSources sources) {
    try (ForwardDevice device = ForwardDevice.open(sources)) {
      check(device);
    }
  }

  /** Compares both kernels with the CPU. */
  static void check(ForwardDevice device) {
    Samples samples = new Samples(11);
    WeightMatrix matrix = samples.weight(DType.F32, FEATURES, COLUMNS, Samples.Layout.ROWS);
    for (long i = 0; i < matrix.elements(); i += 2 + i % 3) {
      matrix.data().asSlice(i * Float.BYTES, Float.BYTES).fill((byte) 0);
    }
    SparseMatrix packed = SparseMatrix.pack(matrix);
    CpuTensor x = samples.tensor(TOKENS, COLUMNS);
    OpenClForwardKernels kernels = new OpenClForwardKernels(device.queue(), MatrixVariant.TILES);
    DeviceSparse weight =
        new DeviceSparse(
            device.copy(packed.values()),
            device.copy(packed.bitmask()),
            device.copy(packed.rowOffsets()),
            DType.F32,
            FEATURES,
            COLUMNS);
    DeviceRows out = device.empty(TOKENS, FEATURES, FEATURES + 5);
    kernels.sparse(device.copy(x), weight, null, out);
    assertBits(device.floats(out), multiplied(packed, x));
    DeviceRows dense = device.empty(FEATURES, COLUMNS, COLUMNS + 3);
    kernels.unpack(weight, dense);
    assertBits(device.floats(dense), values(matrix));
  }

  private static float[] multiplied(SparseMatrix packed, CpuTensor x) {
    float[] out = new float[TOKENS * FEATURES];
    packed.multiply(x.data(), x.at(0), TOKENS, out, 0, 0, FEATURES);
    return out;
  }

  private static float[] values(WeightMatrix matrix) {
    float[] values = new float[FEATURES * COLUMNS];
    for (int i = 0; i < values.length; i++) {
      values[i] = matrix.get(i / COLUMNS, i % COLUMNS);
    }
    return values;
  }

  private static void assertBits(float[] found, float[] expected) {
    assertThat(bits(found)).isEqualTo(bits(expected));
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
    return bits;
  }

  @Test
  void soundKernelsPass() {
    check(KernelSources.packed());
  }

  @ParameterizedTest
  @EnumSource
  void damagedKernelsAreNoticed(Damage damage) {
    assertThatThrownBy(() -> check(damage.apply(KernelSources.packed())))
        .isInstanceOf(AssertionError.class);
  }
}
