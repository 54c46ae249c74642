package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Elements without a scale or a zero point, which a device would look for beyond its memory. */
class QuantizedMatrixTest {
  private static QuantizedMatrix of(
      int scales, int firstRow, int blockColumns, int[] groupOf, byte[] zeros) {
    MemorySegment data = MemorySegment.ofArray(new float[scales]);
    Scales all =
        Scales.of(data, NumberFormat.F32, 2, blockColumns, 2).withZeros(zeros).from(firstRow);
    return new QuantizedMatrix(
        Codes.of(MemorySegment.ofArray(new byte[12]), NumberFormat.I8, 8, 3, 4, 4),
        groupOf == null ? all : all.groupedBy(groupOf));
  }

  @ParameterizedTest
  @CsvSource({"3, 0, 2, false, 4", "4, 2, 2, false, 9", "4, 0, 1, false, 4", "4, 0, 2, true, 3"})
  void everyElementHasAScale(
      int scales, int firstRow, int blockColumns, boolean points, int zeros) {
    byte[] bytes = points ? new byte[zeros] : null;
    assertThatThrownBy(() -> of(scales, firstRow, blockColumns, null, bytes))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("scales");
    assertThat(of(4, 0, 2, null, points ? new byte[4] : null).rows()).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource({"2", "-1"})
  void everyColumnHasAGroup(int group) {
    assertThatThrownBy(() -> of(4, 0, 1, new int[] {0, 1, group, 0}, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("groups");
    assertThat(of(4, 0, 1, new int[] {0, 1, 1, 0}, null).columns()).isEqualTo(4);
  }
}
