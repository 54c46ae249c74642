package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaSelectRowsTest {
  private static final IntSupplier TURING = () -> (64 << 10) - 2224;
  private static final IntSupplier HOPPER = () -> (227 << 10) - 2224;

  @ParameterizedTest
  @CsvSource({
    "F16, 1, select_rows_16, 32, 32, 256",
    "F16, 4096, select_rows_16, 256, 4, 2048",
    "BF16, 8192, select_rows_16, 512, 2, 2048",
    "BF16, 8193, select_rows_32, 288, 3, 2048",
    "F16, 14336, select_rows_32, 448, 2, 2048",
    "F32, 1000, select_rows_16, 64, 14, 512",
    "F32, 7168, select_rows_16, 448, 2, 2048",
    "F32, 7169, select_rows_long, 512, 0, 2048",
    "F16, 14337, select_rows_long, 512, 0, 2048",
  })
  void fitsTheBlockToTheRow(
      DType dtype, int columns, String kernel, int threads, int blocks, int bins) {
    CudaSelectRows choice = CudaSelectRows.of(dtype, columns, HOPPER);
    assertThat(choice.kernel()).isEqualTo(kernel);
    assertThat(choice.threads()).isEqualTo(threads);
    assertThat(choice.blocks()).isEqualTo(blocks);
    assertThat(choice.bins()).isEqualTo(bins);
  }

  @Test
  void stagesWhatFitsSharedMemory() {
    assertThat(CudaSelectRows.of(DType.F32, 11008, TURING).sharedBytes()).isEqualTo(8192 + 44032);
    assertThat(CudaSelectRows.of(DType.F32, 13780, TURING).stagedBytes()).isEqualTo(55_120);
    assertThat(CudaSelectRows.of(DType.F32, 13781, TURING).stagedBytes()).isZero();
    assertThat(CudaSelectRows.of(DType.F32, 28673, HOPPER).stagedBytes()).isEqualTo(114_704);
    assertThat(CudaSelectRows.of(DType.F16, 300_000, HOPPER).sharedBytes()).isEqualTo(8192);
    assertThat(CudaSelectRows.of(DType.F32, Integer.MAX_VALUE, HOPPER).stagedBytes()).isZero();
  }
}
