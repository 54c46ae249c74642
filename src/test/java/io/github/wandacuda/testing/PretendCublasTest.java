package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.system.SharedLibrary;
import java.util.Map;
import java.util.Random;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The pretended cuBLAS as JCuda sees it. */
@Tag("gpu")
@Tag("pretend")
@Thorough
class PretendCublasTest {
  private static final int ROWS = 5;
  private static final int COLUMNS = 3;
  private static final int INNER = 7;
  private static final int COMPUTE_32F = 68;

  private final PretendCuda driver = PretendCuda.start();
  private PretendSession session;
  private final cublasHandle handle = new cublasHandle();

  @BeforeEach
  void start() {
    driver.loadCublas();
    driver.deferred(true);
    session = new PretendSession(0);
    SharedLibrary.inPrivateDirectory(() -> JCublas2.setExceptionsEnabled(false));
    assertThat(JCublas2.cublasCreate(handle)).isZero();
    assertThat(JCublas2.cublasSetStream(handle, new cudaStream_t(session.stream))).isZero();
  }

  @AfterEach
  void reset() {
    PretendCuda.start();
  }

  /** Small integers, whose products and sums are exact in every type. */
  private static int[] integers(int count) {
    return new Random(count).ints(count, -8, 8).toArray();
  }

  private static int[] packed(int[] values, int type) {
    if (type == 0) {
      return java.util.Arrays.stream(values).map(Float::floatToRawIntBits).toArray();
    }
    int[] words = new int[(values.length + 1) / 2];
    for (int i = 0; i < values.length; i++) {
      int bits =
          type == 2
              ? Float.floatToFloat16(values[i]) & 0xffff
              : Float.floatToRawIntBits(values[i]) >>> 16;
      words[i / 2] |= bits << 16 * (i % 2);
    }
    return words;
  }

  private int multiply(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, int type, int leadingC) {
    return JCublas2.cublasGemmEx_new(
        handle,
        1,
        0,
        ROWS,
        COLUMNS,
        INNER,
        Pointer.to(new float[] {1}),
        a,
        type,
        INNER,
        b,
        type,
        INNER,
        Pointer.to(new float[] {0}),
        c,
        0,
        leadingC,
        COMPUTE_32F,
        -1);
  }

  @ParameterizedTest
  @CsvSource({"0", "2", "14"})
  void multipliesInTheOrderOfItsStream(int type) {
    int[] a = integers(ROWS * INNER);
    int[] b = integers(COLUMNS * INNER);
    CUdeviceptr deviceA = session.upload(packed(a, type));
    CUdeviceptr deviceB = session.upload(packed(b, type));
    CUdeviceptr c = session.allocate(4L * ROWS * COLUMNS);
    assertThat(multiply(deviceA, deviceB, c, type, ROWS)).isZero();
    session.synchronize();
    int[] expected = new int[ROWS * COLUMNS];
    for (int column = 0; column < COLUMNS; column++) {
      for (int row = 0; row < ROWS; row++) {
        float sum = 0;
        for (int k = 0; k < INNER; k++) {
          sum += a[row * INNER + k] * b[column * INNER + k];
        }
        expected[column * ROWS + row] = Float.floatToRawIntBits(sum);
      }
    }
    assertThat(session.download(c, expected.length)).isEqualTo(expected);
    assertThat(driver.launches("cublasGemmEx")).isEqualTo(1);
  }

  @Test
  void refusesWhatDoesNotFit() {
    CUdeviceptr memory = session.allocate(4 * 1000);
    CUdeviceptr small = session.allocate(4L * ROWS * COLUMNS - 1);
    assertThat(multiply(memory, memory, small, 0, ROWS))
        .isEqualTo(cublasStatus.CUBLAS_STATUS_EXECUTION_FAILED);
    assertThat(multiply(memory, memory, memory, 0, ROWS - 1))
        .isEqualTo(cublasStatus.CUBLAS_STATUS_INVALID_VALUE);
    assertThat(driver.outstanding()).containsEntry("cublasHandles", 1L);
    assertThat(JCublas2.cublasDestroy(handle)).isZero();
    assertThat(driver.outstanding()).isNotEqualTo(Map.of()).doesNotContainKey("cublasHandles");
    assertThat(JCublas2.cublasDestroy(handle))
        .isEqualTo(cublasStatus.CUBLAS_STATUS_NOT_INITIALIZED);
  }
}
