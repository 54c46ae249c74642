package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.system.SharedLibrary;
import io.github.wandacuda.testing.PretendCuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("gpu")
@Tag("pretend")
class CublasLinearTest {
  private static final int TOKENS = 5;
  private static final int COLUMNS = 19;
  private static final int FEATURES = 7;
  private static final int STRIDE = 24;
  private static final int OUT_STRIDE = 11;
  private static final float BEFORE = 3;

  private final Arena arena = Arena.ofShared();
  private final PretendCuda driver = PretendCuda.start();
  private CudaDevice device;
  private CudaQueue queue;

  @BeforeEach
  void start() {
    driver.loadCublas();
    device = CudaDevice.open(0, Precision.DEFAULT);
    queue = device.queue();
  }

  @AfterEach
  void nothingIsLeft() {
    arena.close();
    device.close();
    assertThat(driver.outstanding()).isEmpty();
  }

  /** Small integers, which every type holds exactly and whose products sum up exactly. */
  private float[] integers(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(17) - 8;
    }
    return values;
  }

  private DeviceRows matrix(float[] values, DType dtype, int rows, int columns, int stride) {
    MemorySegment host = arena.allocate((long) values.length * dtype.bytes(), 4);
    for (int i = 0; i < values.length; i++) {
      switch (dtype) {
        case F32 -> host.setAtIndex(ValueLayout.JAVA_FLOAT, i, values[i]);
        case F16 -> host.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(values[i]));
        case BF16 ->
            host.setAtIndex(
                ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(values[i]) >>> 16));
      }
    }
    CudaBuffer buffer = device.memory().allocate(host.byteSize() + 32);
    queue.upload(host, buffer.at(32));
    return new DeviceRows(buffer.at(32), dtype, rows, columns, stride);
  }

  @ParameterizedTest
  @CsvSource({
    "12, F32, false", "12, F32, true", "12, F16, false", "12, F16, true", "12, BF16, false",
    "12, BF16, true", "13, F32, true", "13, F16, false", "13, BF16, true", "11, F32, false",
    "11, F16, true", "11, BF16, false"
  })
  void multipliesRowMajorMatrices(int version, DType dtype, boolean accumulate) {
    float[] x = integers(TOKENS * STRIDE, 1);
    float[] w = integers(FEATURES * STRIDE, 2);
    float[] before = new float[TOKENS * OUT_STRIDE];
    Arrays.fill(before, accumulate ? BEFORE : Float.NaN);
    DeviceRows out = matrix(before, DType.F32, TOKENS, FEATURES, OUT_STRIDE);
    try (CublasLinear linear = CublasLinear.open(queue, cublas(version)).orElseThrow()) {
      linear.multiply(
          matrix(x, dtype, TOKENS, COLUMNS, STRIDE),
          matrix(w, dtype, FEATURES, COLUMNS, STRIDE),
          accumulate,
          out);
      queue.finish();
    }
    MemorySegment result = arena.allocate(ValueLayout.JAVA_FLOAT, before.length);
    queue.download(out.data(), result);
    queue.finish();
    for (int token = 0; token < TOKENS; token++) {
      for (int feature = 0; feature < OUT_STRIDE; feature++) {
        float found = result.getAtIndex(ValueLayout.JAVA_FLOAT, token * OUT_STRIDE + feature);
        if (feature >= FEATURES) {
          assertThat(Float.floatToRawIntBits(found)).isEqualTo(Float.floatToRawIntBits(before[0]));
        } else {
          float expected = accumulate ? BEFORE : 0;
          for (int column = 0; column < COLUMNS; column++) {
            expected += x[token * STRIDE + column] * w[feature * STRIDE + column];
          }
          assertThat(found).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void refusesOtherTypes() {
    DeviceRows narrow = matrix(new float[4], DType.F16, 2, 2, 2);
    DeviceRows wide = matrix(new float[4], DType.F32, 2, 2, 2);
    try (CublasLinear linear = CublasLinear.open(queue).orElseThrow()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> linear.multiply(narrow, wide, false, wide));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> linear.multiply(narrow, narrow, false, narrow));
    }
  }

  @Test
  void isNamedInTheListOfDevices() {
    assertThat(Cublas.linear()).startsWith("cuBLAS 12.");
    assertThat(new CudaBackendProvider().devices())
        .allSatisfy(device -> assertThat(device.reason()).contains(", cuBLAS 12."));
  }

  @Test
  void aHandleThatIsDestroyedIsNoHandle() {
    DeviceRows matrix = matrix(new float[4], DType.F32, 2, 2, 2);
    for (int version : new int[] {11, 12, 13}) {
      CublasLinear linear = CublasLinear.open(queue, cublas(version)).orElseThrow();
      linear.multiply(matrix, matrix, false, matrix);
      linear.close();
      assertThatExceptionOfType(BackendUnavailableException.class)
          .isThrownBy(() -> linear.multiply(matrix, matrix, false, matrix))
          .withMessageEndingWith("cublasGemmEx failed: CUBLAS_STATUS_NOT_INITIALIZED");
    }
  }

  @Test
  void aLibraryWithoutItsFunctionsIsPassedOver() {
    SymbolLookup empty = name -> Optional.empty();
    assertThat(Cublas.find(name -> Optional.of(empty).filter(found -> !name.contains("12"))))
        .isEmpty();
  }

  /** Returns what is found where the pretended library has a version's name. */
  private static Cublas cublas(int version) {
    String name = "libcublas.so." + version;
    Optional<SymbolLookup> pretended = SharedLibrary.find("libcublas.so.12");
    return Cublas.find(wanted -> pretended.filter(found -> wanted.equals(name))).orElseThrow();
  }
}
